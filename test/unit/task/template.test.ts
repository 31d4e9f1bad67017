/** Go templates as far as service specs use them. */
import { describe, expect, test } from 'vitest';
import { expandPayload, expandTask } from '#task/expand';
import { expandTemplate, TemplateError } from '#task/template';
import { makeSecret, makeTask } from '#test/support/worker';

const data = { Service: { Name: 'web', Labels: { a: '1', 'b.c': '2' } }, Task: { Slot: 3 }, Empty: '' };
const expand = (text: string) => expandTemplate(text, { data, functions: {} });

describe('expandTemplate', () => {
  test.each([
    ['plain', 'plain'],
    ['{{.Service.Name}}-{{ .Task.Slot }}', 'web-3'],
    ['{{index .Service.Labels "b.c"}}', '2'],
    ['{{index .Service.Labels "none"}}', ''],
    ['{{.Service.Labels.a}}', '1'],
    ['{{.Service.Labels}}', 'map[a:1 b.c:2]'],
    ['{{join "-" .Service.Name "x"}}', 'web-x'],
    ['{{printf "%s/%d" .Service.Name .Task.Slot}}', 'web/3'],
    ['{{.Service.Name | printf "%q"}}', '"web"'],
    ['{{if .Empty}}a{{else if eq .Task.Slot 3}}b{{else}}c{{end}}!', 'b!'],
    ['{{if .Empty}}{{.Nope}}{{end}}x', 'x'],
    ['a {{- /* gone */ -}} b', 'ab'],
    ['{{`raw {{ }}`}}', 'raw {{ }}'],
    ['{{len (index .Service.Labels "a")}}', '1'],
  ])('%s', (text, expected) => {
    expect(expand(text)).toBe(expected);
  });

  test.each([
    '{{.Nope}}',
    '{{.Service.Labels.none}}',
    '{{.Service.Name',
    '{{nope 1}}',
    '{{if .Empty}}',
    '{{end}}',
    '{{.Service.Name 3}}',
    '{{(len "a"}}',
    '{{}}',
    `{{${'('.repeat(100_000)}}}`,
  ])('%s is an error', (text) => {
    expect(() => expand(text)).toThrow(TemplateError);
  });
});

const node = { ID: 'node1', Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' } };

test('environment values, hostname and mounts are expanded, names of variables are not', () => {
  const task = makeTask('t1', {
    Env: ['{{.Node.ID}}={{.Node.Hostname}}/{{.Task.Name}}', 'PLAIN'],
    Hostname: '{{.Service.Name}}-{{.Task.Slot}}',
    Mounts: [
      {
        Type: 'volume',
        Source: 'data-{{.Task.Slot}}',
        Target: '/x',
        VolumeOptions: { Labels: { n: '{{.Node.ID}}' }, DriverConfig: { Options: { o: '{{.Service.Name}}' } } },
      },
    ],
  });
  expect(expandTask(task, node).Spec.ContainerSpec).toMatchObject({
    Env: ['{{.Node.ID}}=h1/web.1.t1', 'PLAIN'],
    Hostname: 'web-1',
    Mounts: [{ Source: 'data-1', VolumeOptions: { Labels: { n: 'node1' }, DriverConfig: { Options: { o: 'web' } } } }],
  });
});

test('a global task has its node as slot', () => {
  const { Slot: _slot, ...task } = makeTask('t1', { Hostname: '{{.Task.Slot}}' });
  expect(expandTask(task, node).Spec.ContainerSpec?.Hostname).toBe('node1');
});

test('payload templates read secrets by target, and the environment', () => {
  const File = { Name: 'pw', UID: '0', GID: '0', Mode: 0o444 };
  const task = makeTask('t1', { Env: ['H=h1'], Secrets: [{ SecretID: 's1', SecretName: 'x', File }] });
  const files = { secrets: [makeSecret('s1', 'x', 'hüsh')], configs: [] };
  const payload = (text: string, engine = 'golang') => {
    const config = makeSecret('c1', 'conf', text);
    const templated = { ...config, Spec: { ...config.Spec, Templating: { Name: engine } } };
    return Buffer.from(expandPayload(templated, task, node, files).Spec.Data ?? '', 'base64').toString();
  };
  expect(payload('pw={{secret "pw"}} {{env "H"}}{{env "NONE"}} {{.Service.Name}}')).toBe('pw=hüsh h1 web');
  expect(() => payload('{{secret "other"}}')).toThrow('secret target other not found');
  expect(() => payload('x', 'jinja')).toThrow('unrecognized template type');
});

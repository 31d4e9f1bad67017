/** Templates in a task's spec and in its files, for this task on this node. */
import { expect, test } from 'vitest';
import { expandPayload, expandTask } from '#task/expand';
import { makeSecret, makeTask } from '#test/support/worker';

const node = { ID: 'node1', Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' } };

test('environment values, hostname and mounts are expanded, names of variables are not', () => {
  const task = makeTask('t1', {
    Env: ['{{.Node.ID}}={{.Node.Hostname}}/{{.Task.Name}}', 'PLAIN', 'J={{join "-" .Service.Name "x"}}'],
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
    Env: ['{{.Node.ID}}=h1/web.1.t1', 'PLAIN', 'J=web-x'],
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

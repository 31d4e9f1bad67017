/** Commands that read stack files and ask no daemon: what they say to people, programs and CI servers, and their exit codes. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { planLines, planMarkdown } from '#model/difference/plan-text';
import { lintLines } from '../../src/cli/output/diagnostics.ts';

const program = new URL('../../bin/shoal', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'shoal-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const good = 'services:\n  web:\n    image: nginx:1\n    command: ["a $$HOME"]\nx-n: [7, 1.5, 18446744073709551615]\n';
const bad = 'services:\n  web:\n    image: nginx:1\n    prots: ["80:80"]\n    deploy: {replicas: many}\n  db:\n    imgae: "<&>"\n';
const warned = 'services: {web: {image: nginx, labels: {a: "${TAG}"}}}\n';
for (const [name, text] of Object.entries({ good, bad, warned })) writeFileSync(join(folder, `${name}.yml`), text);

/** Neither docker nor a daemon is there. */
function shoal(...args: string[]): { code: number | null; out: string; err: string } {
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, SHOAL_HOST: 'unix:///nowhere.sock', DOCKER_HOST: 'unix:///nowhere.sock' };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, env, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

test('every mistake is told with its line, and the command ends with 1', () => {
  const { code, out } = shoal('stack', 'lint', '-c', 'bad.yml');
  expect(code).toBe(1);
  for (const part of ['bad.yml:4:5', 'prots', 'bad.yml:5:', 'bad.yml:7:5', '    prots: ["80:80"]', '3 errors, 0 warnings']) expect(out).toContain(part);
});

test('a good file ends with 0, warnings are no mistakes', () => {
  expect(shoal('stack', 'lint', '-c', 'good.yml')).toEqual({ code: 0, out: '1 service, 0 errors, 0 warnings\n', err: '' });
  const { code, out } = shoal('stack', 'lint', '-c', 'warned.yml');
  expect([code, out.trim().split('\n').at(-1)]).toEqual([0, '1 service, 0 errors, 1 warning']);
  expect(shoal('stack', 'lint', '-c', 'warned.yml', '--strict-vars').code).toBe(1);
  writeFileSync(join(folder, 'vars'), 'TAG=1\n');
  expect(shoal('stack', 'lint', '-c', 'warned.yml', '--strict-vars', '--env-file', 'vars').code).toBe(0);
});

test('Docker’s own loader tells the first mistake', () => {
  const { code, out } = shoal('stack', 'lint', '--strict', '-c', 'bad.yml');
  expect([code, out]).toEqual([1, expect.stringContaining('1 error')]);
});

test('for programs', () => {
  const { code, out } = shoal('stack', 'lint', '-c', 'bad.yml', '--format', 'json');
  const report = JSON.parse(out) as { errors: number; diagnostics: { file: string; line: number; severity: string }[] };
  expect([code, report.errors, report.diagnostics.map(({ file, line }) => `${file}:${line}`)]).toEqual([1, 3, ['bad.yml:4', 'bad.yml:5', 'bad.yml:7']]);
});

test('for CI servers: a test for each file, texts escaped', () => {
  const files = [{ path: 'a&b.yml', bytes: Buffer.from('') }, { path: 'c.yml', bytes: Buffer.from('') }];
  const diagnostics = [
    { severity: 'error', file: 'a&b.yml', line: 1, column: 2, message: '"<x>"\u001b' },
    { severity: 'warning', file: 'c.yml', message: 'w' },
    { severity: 'error', message: 'of no file' },
  ] as const;
  expect(lintLines({ files, services: undefined, diagnostics }, 'junit')).toEqual([
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuite name="shoal stack lint" tests="2" failures="1" errors="0" skipped="0">',
    '  <testcase classname="stack" name="a&amp;b.yml">',
    '    <failure message="&quot;&lt;x&gt;&quot;\ufffd">a&amp;b.yml:1:2: &quot;&lt;x&gt;&quot;\ufffd\nof no file</failure>',
    '  </testcase>',
    '  <testcase classname="stack" name="c.yml">',
    '    <system-out>c.yml: w</system-out>',
    '  </testcase>',
    '</testsuite>',
  ]);
});

test('wrong usage ends with 2', () => {
  expect(shoal('stack', 'lint').code).toBe(2);
  // A name that ends another one's.
  copyFileSync(join(folder, 'good.yml'), join(folder, 'here.yml'));
  const nowhere = { code: 1, err: '' };
  const message = 'open nowhere.yml: no such file or directory';
  expect(shoal('stack', 'lint', '-c', 'good.yml', '-c', 'nowhere.yml')).toEqual({ code: 1, out: '', err: `${message}\n` });
  const { out: json, ...asJson } = shoal('stack', 'lint', '-c', 'here.yml', '-c', 'nowhere.yml', '--format', 'json');
  expect([asJson, JSON.parse(json)]).toEqual([nowhere, { errors: 1, warnings: 0, diagnostics: [{ severity: 'error', message, file: 'nowhere.yml' }] }]);
  const { out: junit, ...asJunit } = shoal('stack', 'lint', '-c', 'good.yml', '-c', 'nowhere.yml', '--format', 'junit');
  expect([asJunit, junit]).toEqual([nowhere, expect.stringContaining(`<failure message="${message}">`)]);
  expect(shoal('stack', 'lint', '-c', 'good.yml', '--format', 'xml')).toMatchObject({ code: 2, err: '--format is one of text, json, junit, not "xml"\n' });
  expect(shoal('stack', 'plan', '-c', 'good.yml', '--format', 'xml')).toMatchObject({ code: 2, err: '--format is one of text, json, markdown, not "xml"\n' });
  expect(shoal('stack', 'config', '-c', 'good.yml', '--strict', '--json').code).toBe(2);
});

test('a deploy that reaches nobody ends with its result, too', () => {
  const { code, out } = shoal('stack', 'deploy', '-c', 'good.yml', '--json', 'app');
  expect([code, JSON.parse(out)]).toEqual([1, { result: 'refused', exit: 1, services: [], seconds: expect.any(Number) }]);
});

test('the merged files as JSON', () => {
  const { code, out } = shoal('stack', 'config', '-c', 'good.yml', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ services: { web: { image: 'nginx:1', command: ['a $$HOME'] } }, 'x-n': [7, 1.5, '18446744073709551615'] });
});

test('a plan for a merge request', () => {
  const changes = [
    { kind: 'service', name: 'web_api', change: 'update', fields: [{ field: 'TaskTemplate.ContainerSpec.Image', from: 'a:1', to: 'a:2' }], restarts: 'all' },
    { kind: 'config', name: 'web_c-2', change: 'create', fields: [] },
    { kind: 'service', name: 'web_db', change: 'none', fields: [] },
  ] as Parameters<typeof planMarkdown>[0];
  expect(planMarkdown(changes, 'web')).toEqual([
    '**Stack web: 1 to create, 1 to change (1 with a restart of tasks), 0 to remove, 1 unchanged.**',
    '',
    '<details><summary>Changes</summary>',
    '',
    '```diff',
    '! service web_api, its tasks are replaced',
    ...planLines(changes, 'web').slice(1, 2),
    '+ config web_c-2',
    '```',
    '',
    '</details>',
  ]);
  expect(planMarkdown(changes.slice(2), 'web')).toEqual(['**Stack web: 0 to create, 0 to change, 0 to remove, 1 unchanged.**']);
});

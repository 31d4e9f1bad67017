/** Manual pages, and secrets and configs for people, as docker's own CLI shows them. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { manPages } from '#cli/output/man-page';
import { buildProgram } from '#cli/program';
import { prettyConfig, prettySecret } from '#cli/output/file-pretty';
import { startApi } from '#test/support/api-fixture';

const withoutGroff = spawnSync('groff', ['--version']).status === 0 ? undefined : 'groff is not installed';

test('each command has a page, which says its flags', () => {
  const pages = new Map(manPages(buildProgram()).map(({ name, text }) => [name, text]));
  expect(pages.size).toBeGreaterThan(80);
  expect([...pages.keys()].filter((name) => name.includes('__'))).toEqual([]);
  const deploy = pages.get('shoal-stack-deploy.1') ?? '';
  for (const { long } of buildProgram()
    .commands.find((each) => each.name() === 'stack')
    ?.commands.find((each) => each.name() === 'deploy')?.options ?? [])
    expect(deploy).toContain((long ?? '').replaceAll('-', '\\-'));
  expect(pages.get('shoal-events.1')).toContain('Each manager keeps the last 1,024');
});

test.skipIf(withoutGroff !== undefined)(`groff finds nothing to complain of${withoutGroff ? ` (skipped: ${withoutGroff})` : ''}`, () => {
  const all = manPages(buildProgram())
    .map(({ text }) => text)
    .join('');
  const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-c'], { input: all, encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  expect(stderr).toBe('');
  expect(stdout).toContain('deploy a new stack');
});

test('inspect --pretty of secrets and configs', async () => {
  const api = await startApi();
  try {
    for (const kind of ['secret', 'config'] as const) {
      await api.http('POST', `/${kind}s/create`, { Name: 'one', Data: Buffer.from('line\nmore').toString('base64'), Labels: { a: 'b', c: '' } });
      const object = (await api.http('GET', `/${kind}s/one`)).json;
      const lines = (kind === 'secret' ? prettySecret : prettyConfig)(object);
      expect(`${lines.join('\n')}\n`).toBe((await api.docker(kind, 'inspect', '--pretty', 'one')).stdout);
    }
  } finally {
    await api.stop();
  }
});

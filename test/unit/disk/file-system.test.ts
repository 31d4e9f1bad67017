import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildSync } from 'esbuild';
import { temporaryFolder } from '#test/support/folder';

test('a log waits for a descriptor when the process has none left', async () => {
  const folder = await temporaryFolder();
  const program = join(folder, 'crowded.mjs');
  buildSync({ entryPoints: [join(import.meta.dirname, '../../support/crowded-child.ts')], bundle: true, platform: 'node', format: 'esm', outfile: program });
  const said = execFileSync('sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, program, join(folder, 'log'), folder], { encoding: 'utf8' });
  expect(said.split('\n')).toEqual(['EMFILE', 'opened afterwards', 'folder durable', '']);
});

import { execFileSync } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#test/support/folder';

/** In the daemon's place: uses the pool, and says how many threads the process has then. */
const stub = `import { readdirSync } from 'node:fs';
import { pbkdf2 } from 'node:crypto';
export const main = () => pbkdf2('a', 'b', 1, 8, 'sha1', () => process.stdout.write(String(readdirSync('/proc/self/task').length)));`;

test('the thread pool is large enough that a write of the log does not wait behind four slow calls', async () => {
  const folder = await temporaryFolder();
  await cp(join(import.meta.dirname, '../../../bin'), join(folder, 'bin'), { recursive: true });
  await mkdir(join(folder, '.build'));
  await writeFile(join(folder, '.build/launcher.mjs'), stub);
  const threads = (size?: string): number => {
    const { UV_THREADPOOL_SIZE: _none, ...environment } = process.env;
    const env = { ...environment, ...(size !== undefined && { UV_THREADPOOL_SIZE: size }) };
    return Number(execFileSync(process.execPath, [join(folder, 'bin/shoal'), 'daemon'], { encoding: 'utf8', env }));
  };
  expect(threads()).toBeGreaterThanOrEqual(16);
  // The operator's own word counts.
  expect(threads()).toBe(threads('2') + 14);
});

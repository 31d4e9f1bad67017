import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState } from '../../../src/node/state-lock.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'shoal-lock-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('one daemon at a time has a state folder', async () => {
  const unlock = await lockState(folder);
  await expect(lockState(folder)).rejects.toThrow(`another daemon is using ${folder}`);
  await unlock();
  await (
    await lockState(folder)
  )();
});

test('a daemon that was killed holds nothing', async () => {
  const code = `require('node:net').createServer().listen(${JSON.stringify(join(folder, 'lock.sock'))}, () => process.kill(process.pid, 'SIGKILL'))`;
  expect(() => execFileSync(process.execPath, ['-e', code])).toThrow();
  await (
    await lockState(folder)
  )();
});

/** One daemon per state folder. `SHOAL_LOCK_ROUNDS=200` for the long run of simultaneous starts. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState } from '#node/state/state-lock';

const rounds = Number(process.env['SHOAL_LOCK_ROUNDS'] ?? 5);
const atOnce = 5;

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'shoal-lock-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('one daemon at a time has a state folder, and the second is told whom to stop', async () => {
  const unlock = await lockState(folder);
  await expect(lockState(folder)).rejects.toThrow(`another daemon (process ${process.pid}) is using ${folder}: stop it`);
  await unlock();
  await (
    await lockState(folder)
  )();
});

test('a daemon of the first version, which answered on a socket, is not overlooked', async () => {
  const older = createServer((socket) => socket.destroy()).listen(join(folder, 'lock.sock'));
  await once(older, 'listening');
  await expect(lockState(folder)).rejects.toThrow(`another daemon is using ${folder}`);
  older.close();
  await once(older, 'close');
  await (
    await lockState(folder)
  )();
});

test('without the command it is refused with the package to install', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = folder;
  try {
    await expect(lockState(folder)).rejects.toThrow('Install the package util-linux');
  } finally {
    process.env['PATH'] = path;
  }
});

type Starter = ChildProcessByStdio<Writable, Readable, null>;

/** The first line of what it says from now on. */
async function line(child: Starter): Promise<string> {
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  return text.toString().trim();
}

test(
  `of ${atOnce} that start at the same moment on a folder whose holder was killed, exactly one gets it, ${rounds} times over`,
  async () => {
    const program = join(folder, 'child.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, '../../../support/lock-child.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: program,
    });
    for (let round = 1; round <= rounds; round++) {
      const starters = Array.from({ length: atOnce }, (): Starter => spawn(process.execPath, [program, folder], { stdio: ['pipe', 'pipe', 'inherit'] }));
      expect(await Promise.all(starters.map(line))).toEqual(Array(atOnce).fill('ready'));
      const said = Promise.all(starters.map(line));
      for (const child of starters) child.stdin.write('go\n');
      const answers = await said;
      expect(answers.filter((answer) => answer === 'holds').length, `round ${round}: ${answers.join('; ')}`).toBe(1);
      expect(answers.filter((answer) => answer.startsWith('another daemon')).length, `round ${round}: ${answers.join('; ')}`).toBe(atOnce - 1);
      const gone = starters.map((child) => once(child, 'exit'));
      for (const child of starters) child.kill('SIGKILL');
      await Promise.all(gone);
    }
  },
  60_000 + rounds * 3000,
);

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { integerBetween, seededRandom } from '#base/random';
import { temporaryFolder } from '#test/support/folder';
import { makeLog } from '#test/support/replicated-log';

const seed = Number(process.env['SHOAL_SEED'] ?? 1);
const rounds = 6;

/** Runs the writing process on `folder`, kills it after `lines` acknowledgements, and returns all that it printed. */
async function killedAfter(folder: string, prefix: string, lines: number): Promise<string[]> {
  const root = join(import.meta.dirname, '../..');
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'test/support/wal-child.ts'), folder, prefix], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return output.split('\n').slice(0, -1);
}

test('whatever was acknowledged before kill -9 is there again, in order and once', async () => {
  const folder = await temporaryFolder();
  const random = seededRandom(seed, 'kill');
  const acknowledged: string[] = [];
  for (let round = 0; round < rounds; round++) {
    acknowledged.push(...(await killedAfter(folder, `round${round}`, integerBetween(random, 1, 300))));
    const { log, machine } = makeLog(folder, { snapshotEntries: 40, segmentBytes: 4000 });
    await log.start();
    await log.stop();
    const found = new Set(machine.texts);
    expect(found.size, `SHOAL_SEED=${seed} round ${round}: nothing twice`).toBe(machine.texts.length);
    expect(
      acknowledged.filter((text) => !found.has(text)),
      `SHOAL_SEED=${seed} round ${round}: nothing lost`,
    ).toEqual([]);
  }
  expect(acknowledged.length).toBeGreaterThan(rounds);
}, 120_000);

/** What tells of the kernel's changes may die of one, and of what was missed meanwhile nobody tells. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { RuleWatch } from '#host/rule-watch';
import { WaitingProcess } from '#host/waiting-process';
import { temporaryFolder } from '#test/support/folder';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const path = process.env['PATH'];
afterEach(() => void (process.env['PATH'] = path));

/** One on a clock that stands still: `end` resolves when it has ended, with how long it stays away (ms), and goes on until it is there again. */
function started(command: readonly string[]): { clock: VirtualClock; waiting: WaitingProcess; end: () => Promise<number> } {
  const clock = new VirtualClock();
  let ended = 0;
  let heard = (): void => undefined;
  const waiting = new WaitingProcess(command, clock, { heard: () => undefined, ended: () => (ended++, heard()) });
  waiting.start();
  let known = 0;
  const end = async (): Promise<number> => {
    if (ended === known) await new Promise<void>((resolve) => (heard = resolve));
    known++;
    const delayMs = (clock.next ?? NaN) - clock.monotonicNow();
    await clock.advance(delayMs);
    return delayMs;
  };
  return { clock, waiting, end };
}

test('one that ended is there again in a second, and later each time where it ends soon', async () => {
  const { clock, waiting, end } = started(['false']);
  const delays: number[] = [];
  for (let at = 0; at < 8; at++) delays.push(await end());
  expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  waiting.stop();
  expect(clock.running).toBe(0);
});

test('one that held for a while is there again in a second', async () => {
  const { clock, waiting, end } = started(['sleep', '1000']);
  const delays: number[] = [];
  for (const aliveMs of [0, 0, 60_000]) {
    clock.sleep(aliveMs);
    waiting.child?.kill('SIGKILL');
    delays.push(await end());
  }
  expect(delays).toEqual([1000, 2000, 1000]);
  waiting.stop();
});

test('the end of the watch over rules is news: they are looked at without time going on', async () => {
  const folder = await temporaryFolder();
  // As one that a flush of everything crashes.
  writeFileSync(join(folder, 'nft'), '#!/bin/sh\n[ "$1" = monitor ] && kill -SEGV $$\nexit 0\n');
  chmodSync(join(folder, 'nft'), 0o755);
  process.env['PATH'] = `${folder}:${path}`;
  const watch = new RuleWatch('test', { clock: new VirtualClock(), logger: silentLogger });
  await new Promise<void>((resolve) => watch.start(resolve));
  expect(watch.changes).toBeUndefined();
  expect(watch.losses).toBe(1);
  watch.stop();
});

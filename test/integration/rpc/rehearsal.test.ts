/** A join that is played through: nothing of it may fail unnoticed, for nobody waits for it. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { rehearse, rehearseJoin } from '#node/join/rehearsal';
import { Fitness } from '#node/founding/fitness';
import { parseOptions, type DaemonOptions } from '#node/options';
import { silentLogger } from '#test/support/silent-logger';
import { testDescription } from '#test/support/memory-cluster';

const options = parseOptions(['--state', '/nowhere'], {}) as DaemonOptions;
const remains = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('shoal-rehearsal-'));

test('a join is rehearsed whole, as often as one likes, and nothing of it stays', async () => {
  const before = new Set(remains());
  await rehearseJoin(options, testDescription);
  await expect(rehearseJoin(options, testDescription)).resolves.toBeUndefined();
  expect(remains().filter((name) => !before.has(name))).toEqual([]);
});

test('a daemon that is asked for a cluster before that, or ends, rehearses nothing', async () => {
  class Looked extends Fitness {
    looks = 0;
    override async check(): Promise<void> {
      this.looks++;
    }
  }
  const fitness = new Looked();
  const ended = AbortSignal.abort();
  await rehearse(options, { fitness, logger: silentLogger, unasked: () => true, signal: ended });
  await rehearse(options, { fitness, logger: silentLogger, unasked: () => false, signal: new AbortController().signal });
  expect(fitness.looks).toBe(0);
});

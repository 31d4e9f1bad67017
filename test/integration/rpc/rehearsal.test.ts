/** A join that is played through: nothing of it may fail unnoticed, for nobody waits for it. */
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { rehearse, rehearseJoin } from '#node/join/rehearsal';
import { Fitness } from '#node/founding/fitness';
import { parseOptions, type DaemonOptions } from '#node/options';
import { temporaryFolder } from '#test/support/folder';
import { silentLogger } from '#test/support/silent-logger';
import { testDescription } from '#test/support/memory-cluster';

const options = parseOptions(['--state', '/nowhere'], {}) as DaemonOptions;

test('a join is rehearsed whole, as often as one likes, and nothing of it stays', async () => {
  // Other daemons of this machine rehearse elsewhere.
  const folder = await temporaryFolder();
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  await rehearseJoin(options, testDescription);
  await expect(rehearseJoin(options, testDescription)).resolves.toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
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

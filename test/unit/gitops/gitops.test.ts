/** What the reconciler does where its folder cannot be written: it says so by name, and another one begins when it can. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GitOps } from '#gitops/gitops';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

test('a folder that cannot be written is a refusal, and one that can later is begun with', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-gitops-'));
  const state = join(folder, 'state');
  const made = () =>
    new GitOps(
      { folder: state, run: join(folder, 'run'), program: 'none' },
      { cluster: initialisedCluster(), clock: new VirtualClock(), logger: silentLogger },
    );
  try {
    writeFileSync(state, 'in the way');
    const first = made();
    await expect(first.start()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^the folder of repositories cannot be written: /),
    });
    await first.stop();
    rmSync(state);
    const second = made();
    await second.start();
    await second.stop();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

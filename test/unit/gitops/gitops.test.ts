/** What the reconciler does where its folder cannot be written: it says so by name, and another one begins when it can; and what it keeps of a log that is full. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Logger } from '#base/logger';
import { newAuthority } from '#ca/authority';
import { initCluster } from '#control/clusters';
import { deedsOf } from '#control/log/deeds';
import { createRepository, suspendRepository } from '#control/repository/repositories';
import { sealingOf } from '#control/sealing';
import { GitOps } from '#gitops/gitops';
import { initialisedCluster, MemoryCluster, testDescription, testTlsInfo } from '#test/support/memory-cluster';
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

test('what goes from a log of deeds, for it is full, stays in the daemon’s own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-gitops-'));
  const cluster = initialisedCluster();
  const kept: unknown[] = [];
  const logger = {
    ...silentLogger,
    info: (facts: object) => void kept.push('deed' in facts ? facts.deed : []),
    child: () => silentLogger,
  } as unknown as Logger;
  const gitops = new GitOps({ folder, run: join(folder, 'run'), program: 'none' }, { cluster, clock: new VirtualClock(), logger });
  try {
    await gitops.start();
    cluster.run(createRepository({ Name: 'main', URL: '', Branch: 'main', Path: '', Interval: 1e15, Hosted: true }, 'ops'));
    for (let round = 0; round < 60; round++) cluster.run(suspendRepository('main', round % 2 === 0, 'somebody'));
    const entries = kept.filter((each) => !Array.isArray(each));
    expect(entries[0]).toMatchObject({ Number: 1, What: 'added', Who: 'ops' });
    expect(entries.length).toBeGreaterThanOrEqual(10);
  } finally {
    await gitops.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a cluster that is founded while its leader leads already gets its key, and one that cannot be stored is tried again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-gitops-'));
  const [cluster, clock] = [new MemoryCluster(), new VirtualClock()];
  const gitops = new GitOps({ folder, run: join(folder, 'run'), program: 'none' }, { cluster, clock, logger: silentLogger });
  try {
    await gitops.start();
    await clock.advance(1_000);
    const submit = vi.spyOn(cluster, 'submit').mockRejectedValueOnce(new Error('the disk is full'));
    const authority = {
      clusterId: 'one',
      authority: newAuthority({ certificate: 'the root', key: 'a key', tlsInfo: testTlsInfo }, (count) => new Uint8Array(count)),
    };
    cluster.run(initCluster({ nodeId: 'node-one', address: '192.168.7.1', description: testDescription, authority }));
    await vi.waitFor(() => expect(submit).toHaveBeenCalledTimes(1));
    expect(sealingOf(cluster.store)).toBeUndefined();
    await clock.advance(3_000);
    await vi.waitFor(() => expect(sealingOf(cluster.store)?.Recipient).toMatch(/^age1/));
    const key = sealingOf(cluster.store);
    cluster.run(createRepository({ Name: 'main', URL: '', Branch: 'main', Path: '', Interval: 1e15, Hosted: true }, 'ops'));
    await clock.advance(10_000);
    expect([sealingOf(cluster.store), deedsOf(cluster.store, cluster.store.byName('repository', 'main')?.ID ?? '').length]).toEqual([key, 1]);
  } finally {
    await gitops.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

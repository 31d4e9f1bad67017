/** Looks at many stacks: others have their turn between two of them, and what is as it should be is left alone. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { CarryOut } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { VaultValues } from '#gitops/vault/vault-values';
import type { RenderedStack } from '#reconciler/rendered';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

/** Each look at it takes a millisecond. */
class SlowClock extends VirtualClock {
  turns = 0;
  #passed = 0;

  override monotonicNow(): number {
    return super.monotonicNow() + (this.#passed += 1);
  }

  override soon(run: () => void): void {
    this.turns += 1;
    super.soon(run);
  }
}

const [commit, usual] = ['1'.repeat(40), 60];

function world<C extends VirtualClock>(clock: C, count = usual) {
  const cluster = initialisedCluster({ clock });
  cluster.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second, Trust: 'full' }));
  const parts = { cluster, clock, logger: silentLogger, events: new ReconcileEvents({ clock, logger: silentLogger }) };
  const values = new VaultValues({ ...parts, signal: new AbortController().signal, repository: 'main' });
  const leader = () => new CarryOut('main', { ...parts, values, followed: 'branch main', renderAt: async () => [] });
  let carryOut = leader();
  const stacks = Array.from({ length: count }, (_, each): RenderedStack => {
    const Name = `s${each}`;
    const External = { Networks: [], Secrets: [], Configs: [] };
    const Labels = { 'com.docker.stack.namespace': Name };
    const Services = [{ Name: `${Name}_web`, Labels, TaskTemplate: { ContainerSpec: { Image: 'app:1', Labels } } }];
    return { Name, Path: `stacks/${Name}`, Commit: commit, digest: 'one', spec: { Name, Networks: [], Secrets: [], Configs: [], Services, External } };
  });
  const succeed = (): void => {
    carryOut.stop();
    carryOut = leader();
  };
  return { clock, cluster, succeed, look: () => carryOut.run({ commit, declared: {}, stacks }, true) };
}

test('a look at many stacks yields between them', async () => {
  const { clock, cluster, look } = world(new SlowClock());
  await look();
  expect(cluster.store.count('stack')).toBe(usual);
  // Five a turn at most, of a comparison of each.
  expect(clock.turns).toBeGreaterThanOrEqual(usual / 5);
});

test('ten thousand looks at a hundred stacks that are as they should be write nothing, whoever leads', async () => {
  const { cluster, look, succeed } = world(new VirtualClock(), 100);
  await look();
  const versions = () => JSON.stringify([...cluster.store.list('service')].map(({ Version, Shoal }) => [Version.Index, Shoal.SpecVersion]));
  const [entries, before] = [cluster.entries, versions()];
  for (let round = 0; round < 10_000; round++) {
    // One that knows nothing compares all of them.
    if (round % 1000 === 0) succeed();
    expect(await look()).toBe(true);
  }
  expect([cluster.entries, versions()]).toEqual([entries, before]);
});

/** A plan of a commit is what is done: whatever came before, the objects that it names come, change and go, and no others. */
import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { seededRandom, type Random } from '#base/random';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { CarryOut } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { RevisionJudge } from '#gitops/revision-judge';
import { VaultValues } from '#gitops/vault/vault-values';
import type { ServiceSpec } from '#model/object/service-spec';
import { planCommit } from '#reconciler/repository-plan';
import type { RenderedStack } from '#reconciler/rendered';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const kinds = ['service', 'network', 'config'] as const;
const parts = ['web', 'api', 'db', 'job', 'old'];

function pick(random: Random, most: number): number {
  return Math.floor(random.next() * (most + 1));
}

/** Some stack of that name, as a commit may have it. */
function drawn(random: Random, Name: string, Commit: string): RenderedStack {
  const Labels = { 'com.docker.stack.namespace': Name };
  const names = parts.filter((_, at) => at === 0 || random.next() < 0.6);
  const page = `${Name}_page`;
  const hasPage = random.next() < 0.7;
  const hasNetwork = random.next() < 0.5;
  const Services = names.map((each): ServiceSpec => {
    const Configs = hasPage && each === 'web' ? [{ ConfigName: page, File: { Name: 'p', UID: '0', GID: '0', Mode: 292 } }] : [];
    const ContainerSpec = { Image: `${each}:${pick(random, 2)}`, Env: [`A=${pick(random, 1)}`], Labels, ...(Configs.length > 0 && { Configs }) };
    const Networks = hasNetwork && each !== 'old' ? [{ Target: `${Name}_net` }] : undefined;
    return {
      Name: `${Name}_${each}`,
      Labels,
      TaskTemplate: { ContainerSpec, ...(Networks && { Networks }) },
      Mode: { Replicated: { Replicas: 1 } },
      ...(each === 'api' && random.next() < 0.5 && { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: Name === 'a' ? 8080 : 8081 }] } }),
    };
  });
  const Configs = hasPage ? [{ Name: page, Labels, Data: Buffer.from(`page ${pick(random, 3)}`).toString('base64') }] : [];
  const Networks = hasNetwork ? [{ Name: `${Name}_net`, Labels, Driver: 'overlay' }] : [];
  const External = { Networks: [], Secrets: [], Configs: [] };
  const spec = { Name, Networks, Secrets: [], Configs, Services, External, Versioned: { Secrets: [], Configs: hasPage ? [page] : [] } };
  const waves = random.next() < 0.3 && names.includes('db') ? { Waves: [['db']] } : {};
  return { Name, Path: `stacks/${Name}`, Commit, digest: JSON.stringify(spec), spec, Policy: waves };
}

test.each([1, 2, 3, 4])('seed %i: what a plan says comes, changes and goes is what comes, changes and goes', async (seed) => {
  const random = seededRandom(seed, 'plans');
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock, stages: [instantly] });
  cluster.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second, Trust: 'full' }));
  const around = { cluster, clock, logger: silentLogger };
  const events = new ReconcileEvents(around);
  const values = new VaultValues({ ...around, signal: new AbortController().signal, repository: 'main' });
  const carryOut = new CarryOut('main', { ...around, events, values, followed: 'branch main', renderAt: async () => [] });
  const judge = new RevisionJudge({ ...around, events });
  const objects = (): Map<string, string> =>
    new Map(kinds.flatMap((kind) => [...cluster.store.list(kind)].map((object) => [`${kind} ${object.Spec.Name}`, JSON.stringify(object.Spec)] as const)));
  for (let turn = 0; turn < 15; turn++) {
    const commit = String(turn + 1).padStart(40, '0');
    const stacks = ['a', 'b'].map((name) => drawn(random, name, commit));
    const plan = finish(planCommit(cluster.store, 'main', stacks, { now: clock.now(), commit }));
    const said = plan.stacks.flatMap(({ step, changes = [] }) =>
      step === 'apply' ? changes.map(({ change, kind, name }) => `${change} ${kind} ${name}`) : [],
    );
    const before = objects();
    await carryOut.run({ commit, declared: {}, stacks }, true);
    for (let wait = 0; wait < 12; wait++) {
      judge.notice();
      await clock.advance(1_000);
    }
    const after = objects();
    const done = [
      ...[...after.keys()].filter((key) => !before.has(key)).map((key) => `create ${key}`),
      ...[...before.keys()].filter((key) => !after.has(key)).map((key) => `remove ${key}`),
      ...[...after].filter(([key, text]) => before.has(key) && before.get(key) !== text).map(([key]) => `update ${key}`),
    ];
    // What moves to a stack that is held goes when that comes: somebody else's word is waited for.
    const waiting = [...cluster.store.list('stack')].filter(({ Rollout }) => Rollout?.Moves).map(({ Spec }) => Spec.Name);
    const isLater = (line: string): boolean => line.startsWith('remove') && waiting.some((name) => line.includes(` ${name}_`)) && !done.includes(line);
    expect(said.filter((line) => !isLater(line)).toSorted(), `seed ${seed}, commit ${turn + 1}`).toEqual(done.toSorted());
  }
  await judge.stop();
  carryOut.stop();
});

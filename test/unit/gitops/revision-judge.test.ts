/** A version that never becomes healthy is given up when nothing of it moved for as long as its repository says. */
import { expect, test, vi } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { overdue } from '#control/stack/overdue';
import { newestRevision } from '#control/stack/revisions';
import { deployStack } from '#control/stack/stacks';
import { ReconcileEvents } from '#gitops/events';
import { RevisionJudge } from '#gitops/revision-judge';
import type { StackSpec } from '#model/object/stack';
import { create } from '#store/action';
import type { Stage } from '#store/stage';
import { runningTask } from '#test/support/api-fixture';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const spec = (image: string): StackSpec => ({
  Name: 'web',
  Networks: [],
  Secrets: [],
  Configs: [],
  Services: [{ Name: 'web_app', TaskTemplate: { ContainerSpec: { Image: image } }, Mode: { Replicated: { Replicas: 1 } } }],
  External: { Networks: [], Secrets: [], Configs: [] },
});

/** Tasks that are made and pull for ever. */
const pulling: Stage = (view, context) => ({
  actions: [...view.list('service')].flatMap((service) => {
    if ([...view.tasksOfService(service.ID)].length > 0) return [];
    const task = runningTask(service, { id: context.newId(), slot: 1, nodeId: 'node-one', now: context.now });
    return [create('task', { ...task, Status: { ...task.Status, State: 'preparing', Message: 'preparing' } })];
  }),
});

test('the deadline counts from the last thing that moved, is the repository\u2019s, and its end is said', async () => {
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock, stages: [pulling] });
  cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second, Deadline: 60 * second }));
  const events = new ReconcileEvents({ clock, logger: silentLogger });
  const judge = new RevisionJudge({ cluster, events, clock, logger: silentLogger });
  const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/web', Commit: '1'.repeat(40) } as const;
  cluster.run(deployStack(spec('app:1'), { source, prune: true }));
  const outcome = () => newestRevision(cluster.store, 'web')?.Outcome;
  judge.notice();
  await clock.advance(50_000);
  expect(outcome()).toMatchObject({ State: 'pending' });
  await clock.advance(20_000);
  expect(outcome()).toEqual({ State: 'failed', Message: 'it made no progress for 1m0s: web_app: 0 of 1 running' });
  await judge.stop();
});

test('who says nothing waits a quarter of an hour, and tasks that come and go are no progress of what is degraded', () => {
  const now = Date.UTC(2026, 0, 1);
  const cluster = initialisedCluster({ clock: { now: () => now }, stages: [pulling] });
  cluster.run(deployStack(spec('app:1'), { source: { Kind: 'deploy' }, prune: true }));
  const [stack] = [...cluster.store.list('stack')];
  if (!stack) throw new Error('no stack');
  const health = (State: 'progressing' | 'degraded') => ({ State, Message: 'why', Reasons: [], Quarantined: false });
  const made = { CreatedAt: new Date(now - 20 * 60_000).toISOString() };
  expect(overdue(cluster.store, stack, made, health('progressing'), now)).toBeUndefined();
  expect(overdue(cluster.store, stack, made, health('degraded'), now)).toBe('it made no progress for 15m0s: why');
  expect(overdue(cluster.store, stack, made, health('progressing'), now + 16 * 60_000)).toBe('it made no progress for 15m0s: why');
});

test('what a service asks to be left alone for comes on top of the deadline', () => {
  const now = Date.UTC(2026, 0, 1);
  const minute = 60 * second;
  const cluster = initialisedCluster({ clock: { now: () => now }, stages: [pulling] });
  const app = { TaskTemplate: { ContainerSpec: { Image: 'app:1' } }, Mode: { Replicated: { Replicas: 1 } } };
  const services = [
    { ...app, Name: 'web_app', UpdateConfig: { Monitor: 30 * minute, Delay: 5 * minute } },
    { ...app, Name: 'web_slow', TaskTemplate: { ContainerSpec: { Image: 'app:1', StopGracePeriod: minute, Healthcheck: { StartPeriod: 10 * minute } } } },
  ];
  cluster.run(deployStack({ ...spec('app:1'), Services: services }, { source: { Kind: 'deploy' }, prune: true }));
  const [stack] = [...cluster.store.list('stack')];
  if (!stack) throw new Error('no stack');
  const health = { State: 'progressing', Message: '', Reasons: [], Quarantined: false } as const;
  const after = (minutes: number): string | undefined =>
    overdue(cluster.store, stack, { CreatedAt: new Date(now).toISOString() }, health, now + minutes * 60_000);
  expect([after(16), after(49), after(51)]).toEqual([undefined, undefined, 'it made no progress for 50m0s']);
  const slow = { ...stack, Services: ['web_slow'] };
  expect(overdue(cluster.store, slow, { CreatedAt: new Date(now).toISOString() }, health, now + 25 * 60_000)).toBeUndefined();
});

test('of many stacks those are looked at whose versions have no verdict or changed, and all of them where a look broke off', async () => {
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock, stages: [instantly] });
  const judge = new RevisionJudge({ cluster, events: new ReconcileEvents({ clock, logger: silentLogger }), clock, logger: silentLogger });
  cluster.watch(() => judge.notice());
  const names = ['a', 'b', 'c'];
  const deploy = (name: string, image: string): void => {
    const service = { Name: `${name}_app`, TaskTemplate: { ContainerSpec: { Image: image } }, Mode: { Replicated: { Replicas: 1 } } };
    cluster.run(deployStack({ ...spec(image), Name: name, Services: [service] }, { source: { Kind: 'deploy' }, prune: true }));
  };
  const outcomes = (): unknown[] => names.map((name) => newestRevision(cluster.store, name)?.Outcome.State);
  for (const name of names) deploy(name, 'app:1');
  const read = vi.spyOn(cluster, 'read').mockRejectedValueOnce(new Error('nobody leads'));
  await clock.advance(2_000);
  expect(outcomes()).toEqual(['pending', 'pending', 'pending']);
  await clock.advance(3_000);
  expect([outcomes(), read.mock.calls.length > 1]).toEqual([['good', 'good', 'good'], true]);
  await clock.advance(10_000);
  const looked = vi.spyOn(cluster.store, 'newest');
  deploy('b', 'slow:2');
  looked.mockClear();
  await clock.advance(10_000);
  expect(new Set(looked.mock.calls.map(([, , name]) => name))).toEqual(new Set(['b']));
  expect(outcomes()).toEqual(['good', 'pending', 'good']);
  deploy('c', 'app:2');
  deploy('b', 'app:3');
  await clock.advance(4_000);
  expect(outcomes()).toEqual(['good', 'good', 'good']);
  await judge.stop();
});

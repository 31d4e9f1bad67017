import { afterEach, expect, test } from 'vitest';
import { createService, updateService } from '#control/service/services';
import { updateNode } from '#control/nodes';
import { deployStack, removeStack } from '#control/stack/stacks';
import { seededRandom } from '#base/random';
import type { ServiceSpec } from '#model/object/service-spec';
import { compareStates } from '#model/object/task-state';
import { byHand, changeAtRandom, stack } from '#test/support/random-changes';
import { SimulatedCluster } from '#test/support/simulated-cluster';

let cluster: SimulatedCluster;

async function setUp(seed: number, nodes = 3): Promise<SimulatedCluster> {
  cluster = new SimulatedCluster(seed, nodes);
  await cluster.init();
  return cluster;
}

function web(): { image: string; running: number } {
  const images = new Set<string>();
  for (const agent of cluster.agents) {
    for (const { Shoal, Spec } of agent.runningTasks()) if (Shoal.ServiceName === 'shop_web') images.add(Spec.ContainerSpec?.Image ?? '');
  }
  return { image: [...images].sort().join(' '), running: cluster.running('shop_web') };
}

async function edit(name: string, change: (spec: ServiceSpec) => ServiceSpec): Promise<void> {
  const service = cluster.store.byName('service', name);
  if (!service) throw new Error(`no service ${name}`);
  await cluster.submit(updateService(name, service.Version.Index, change(service.Spec)));
}

afterEach(async () => {
  await cluster.stop();
  expect(cluster.fatal).toEqual([]);
});

test('a stack is one entry from request to assignment, and runs', async () => {
  await setUp(1);
  const { entries } = cluster;
  await cluster.submit(deployStack(stack('app:1', 3), byHand));
  expect(cluster.entries).toBe(entries + 1);
  // The agents have it in the same turn: no virtual time has passed.
  expect([...cluster.store.list('task')].map((task) => task.Status.State)).toEqual(Array<string>(6).fill('assigned'));
  expect(cluster.agents.map((agent) => agent.tasks.size)).toEqual([2, 2, 2]);
  await cluster.until('all run', () => cluster.running('shop_web') === 3 && cluster.running('shop_agent') === 3, 2000);
  await cluster.until('all are said to run', () => [...cluster.store.list('task')].every((task) => task.Status.State === 'running'));
  const before = cluster.entries;
  await cluster.submit(deployStack(stack('app:1', 3), byHand));
  await cluster.clock.advance(60_000);
  // Nothing more is written: an idle cluster is silent.
  expect(cluster.entries).toBe(before);
});

test('a service is scaled up and down', async () => {
  await setUp(2);
  await cluster.submit(deployStack(stack('app:1', 2), byHand));
  await cluster.until('2 run', () => cluster.running('shop_web') === 2);
  const ids = (): string[] => cluster.agents.flatMap((agent) => [...agent.tasks.keys()]);
  const first = ids();
  // Neither a count nor a label of the service is a reason to replace what runs.
  await edit('shop_web', (spec) => ({ ...spec, Labels: { ...spec.Labels, team: 'a' }, Mode: { Replicated: { Replicas: 7 } } }));
  await cluster.until('7 run', () => cluster.running('shop_web') === 7);
  expect(ids()).toEqual(expect.arrayContaining(first));
  expect(ids()).toHaveLength(first.length + 5);
  await edit('shop_web', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 1 } } }));
  await cluster.until('1 runs', () => cluster.running('shop_web') === 1);
  await cluster.clock.advance(30_000);
  expect(cluster.running('shop_web')).toBe(1);
});

test('a rolling update replaces one task after the other and completes', async () => {
  await setUp(3);
  await cluster.submit(deployStack(stack('app:1', 4), byHand));
  await cluster.until('4 run', () => web().running === 4);
  await cluster.submit(deployStack(stack('app:2', 4, { UpdateConfig: { Parallelism: 1, Delay: 1e9, Monitor: 1e9 } }), byHand));
  let fewest = 4;
  await cluster.until('the new image runs everywhere', () => {
    fewest = Math.min(fewest, web().running);
    return web().image === 'app:2' && web().running === 4;
  });
  expect(fewest).toBe(3);
  const status = () => cluster.store.byName('service', 'shop_web')?.UpdateStatus;
  await cluster.until('it is said to be complete', () => status()?.State === 'completed');
  expect(cluster.store.byName('service', 'shop_agent')?.Shoal.SpecVersion).toBe(0);
});

test('an update whose tasks fail is rolled back', async () => {
  await setUp(4);
  for (const agent of cluster.agents) agent.fates.set('app:bad', { type: 'exits', code: 3, afterMs: 100 });
  await cluster.submit(deployStack(stack('app:1', 3), byHand));
  await cluster.until('3 run', () => web().running === 3);
  await cluster.submit(deployStack(stack('app:bad', 3, { UpdateConfig: { FailureAction: 'rollback', Monitor: 2e9 } }), byHand));
  const service = () => cluster.store.byName('service', 'shop_web');
  await cluster.until('it is rolled back', () => service()?.UpdateStatus?.State === 'rollback_completed', 120_000);
  expect(service()?.Spec.TaskTemplate.ContainerSpec?.Image).toBe('app:1');
  await cluster.until('the old image runs', () => web().running === 3 && web().image === 'app:1');
});

test('a crashed task is replaced after its restart delay', async () => {
  await setUp(5);
  await cluster.submit(deployStack(stack('app:1', 3, {}), byHand));
  await cluster.until('3 run', () => web().running === 3);
  const start = cluster.clock.now();
  cluster.agents.find((agent) => agent.running().includes('shop_web'))?.crash('shop_web');
  await cluster.until('2 run', () => web().running === 2, 1000);
  await cluster.until('3 run again', () => web().running === 3);
  expect(cluster.clock.now() - start).toBeGreaterThanOrEqual(5000);
  expect(cluster.clock.now() - start).toBeLessThan(6000);
});

test('draining a node moves its tasks, and it gets none back until it is active', async () => {
  await setUp(6);
  await cluster.submit(deployStack(stack('app:1', 6), byHand));
  await cluster.until('6 run', () => web().running === 6);
  const drained = cluster.agents[1];
  const node = () => cluster.store.get('node', 'node-2');
  await cluster.submit(updateNode('node-2', node()?.Version.Index ?? 0, { Role: 'worker', Availability: 'drain' }));
  await cluster.until('all run elsewhere', () => web().running === 6 && drained?.running().length === 0);
  await cluster.submit(updateNode('node-2', node()?.Version.Index ?? 0, { Role: 'worker', Availability: 'active' }));
  await cluster.until('its global task is back', () => drained?.running().includes('shop_agent') ?? false);
});

test('a node that falls silent is down, and its tasks run elsewhere', async () => {
  await setUp(7);
  await cluster.submit(deployStack(stack('app:1', 3), byHand));
  await cluster.until('3 run', () => web().running === 3);
  cluster.agents[2]?.disconnect();
  await cluster.until('it is down', () => cluster.store.get('node', 'node-3')?.Status.State === 'down', 20_000);
  const alive = () =>
    [...cluster.store.list('task')].filter((task) => task.NodeID !== 'node-3' && task.Shoal.ServiceName === 'shop_web' && task.Status.State === 'running');
  await cluster.until('3 run on the others', () => alive().length === 3);
});

test('an image that cannot be had is said on the task, and heals with the next deploy', async () => {
  await setUp(8);
  for (const agent of cluster.agents) agent.fates.set('app:none', { type: 'missing' });
  await cluster.submit(deployStack(stack('app:none', 1), byHand));
  const failed = () => [...cluster.store.list('task')].filter((task) => task.Status.State === 'rejected');
  await cluster.until('it is rejected', () => failed().length > 0);
  expect(failed()[0]?.Status.Err).toBe('No such image: app:none');
  await cluster.submit(deployStack(stack('app:1', 1), byHand));
  await cluster.until('it runs', () => web().running === 1 && web().image === 'app:1');
});

test('removing a stack stops its tasks and frees its port, and it can be deployed again at once', async () => {
  await setUp(9);
  await cluster.submit(deployStack(stack('app:1', 3), byHand));
  await cluster.until('3 run', () => web().running === 3);
  await cluster.submit(removeStack('shop'));
  await cluster.submit(deployStack(stack('app:2', 3), byHand));
  await cluster.until('the new ones run', () => web().running === 3 && web().image === 'app:2');
  await cluster.submit(removeStack('shop'));
  await cluster.until('nothing is left', () => [...cluster.store.list('task')].length === 0);
  expect(cluster.agents.map((agent) => agent.tasks.size)).toEqual([0, 0, 0]);
  await cluster.until('nothing of them is left', () => cluster.agents.every((agent) => agent.engine.containers.length === 0), 5000);
});

test('a manager that starts again in the middle of a rollout finishes it, and nothing that runs well is touched', async () => {
  await setUp(10);
  await cluster.submit(deployStack(stack('app:1', 4), byHand));
  await cluster.until('4 run', () => web().running === 4);
  await cluster.restart();
  const ids = () => cluster.agents.flatMap((agent) => [...agent.tasks.keys()]).sort();
  const before = ids();
  await cluster.clock.advance(60_000);
  expect(ids()).toEqual(before);
  await cluster.submit(deployStack(stack('app:2', 4, { UpdateConfig: { Parallelism: 1, Delay: 2e9, Monitor: 1e9 } }), byHand));
  await cluster.until('some are new', () => web().image === 'app:1 app:2');
  await cluster.restart();
  await cluster.until('all are new', () => web().image === 'app:2' && web().running === 4);
  await cluster.until('it is complete', () => cluster.store.byName('service', 'shop_web')?.UpdateStatus?.State === 'completed');
});

test('a task that nothing suits waits with the reason, and runs as soon as something does', async () => {
  await setUp(11, 2);
  const Placement = { Constraints: ['node.labels.disk == fast'] };
  await cluster.submit(createService({ Name: 'db', TaskTemplate: { ContainerSpec: { Image: 'db' }, Placement } }));
  const [task] = cluster.store.list('task');
  expect(task?.Status).toMatchObject({ State: 'pending', Err: 'no suitable node (scheduling constraints not satisfied on 2 nodes)' });
  const version = cluster.store.get('node', 'node-2')?.Version.Index ?? 0;
  await cluster.submit(updateNode('node-2', version, { Role: 'worker', Availability: 'active', Labels: { disk: 'fast' } }));
  await cluster.until('it runs', () => cluster.agents[1]?.running().join() === 'db');
});

test.each([21, 22, 23, 24])('seed %i: after any series of changes the cluster is what was asked for', async (seed) => {
  await setUp(seed);
  const { image, replicas } = await changeAtRandom(cluster, seededRandom(seed, 'changes'), 12);
  await cluster.until(`${replicas} of ${image} run`, () => {
    const stable = [...cluster.store.list('task')].every((task) => compareStates(task.Status.State, 'running') >= 0);
    return stable && web().running === replicas && (replicas === 0 || web().image === image) && cluster.running('shop_agent') === 3;
  });
  const { entries } = cluster;
  await cluster.clock.advance(60_000);
  expect(web().running).toBe(replicas);
  expect(cluster.entries - entries).toBeLessThan(5);
});

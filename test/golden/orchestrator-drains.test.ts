/** Drains played in virtual time: who leaves when, and what may come in between. */
import { describe, expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { RestartPolicy, ServiceSpec } from '#model/object/service-spec';
import { expectSettled } from '#test/support/staged-cluster-checks';
import { specOf, wellBehaved, withImage, withReplicas, StagedCluster } from '#test/support/staged-cluster';

/** A service `web` that has run for ten seconds on nodes n1, n2 …. */
function running(nodes: number, restart: RestartPolicy, rest: Partial<ServiceSpec> = {}): StagedCluster {
  const cluster = new StagedCluster();
  cluster.check = expectSettled;
  for (let number = 1; number <= nodes; number++) cluster.addNode(`n${number}`);
  cluster.createService(specOf('web', 'v1', { task: { RestartPolicy: restart }, ...rest }));
  cluster.pass(10_000);
  cluster.story.length = 0;
  return cluster;
}

describe('a drain', () => {
  const drain = { Availability: 'drain' } as const;
  const twoSlots = { Mode: { Replicated: { Replicas: 2 } } };

  test('moves a task without a gap: the old one stops when its successor runs', () => {
    const cluster = running(2, {}, twoSlots);
    cluster.check = (of) => expect(of.running('web').length).toBeGreaterThanOrEqual(2);
    cluster.changeNode('n1', drain);
    cluster.pass(10_000);
    expectSettled(cluster);
    expect(cluster.story).toMatchInlineSnapshot(`
      [
        "10.0 web.1#2 created running v1",
        "10.2 web.1#2 is running",
        "10.2 web.1#1 to shutdown",
        "10.4 web.1#1 is shutdown",
      ]
    `);
    expect(cluster.running('web').map(({ NodeID }) => NodeID)).toEqual(['n2', 'n2']);
  });

  test('that is to take no time moves tasks at once, each after its predecessor has stopped', () => {
    const cluster = running(2, {}, twoSlots);
    cluster.changeNode('n1', { ...drain, Shoal: { DrainTimeout: 0 } });
    cluster.pass(10_000);
    expect(cluster.story).toMatchInlineSnapshot(`
      [
        "10.0 web.1#1 to shutdown",
        "10.0 web.1#2 created ready v1",
        "10.2 web.1#1 is shutdown",
        "10.2 web.1#2 to running",
        "10.3 web.1#2 is running",
      ]
    `);
  });

  test('a successor that fails is followed by another, and the old one stays as long as the node says', () => {
    const cluster = running(2, { Delay: second });
    cluster.behaviour = () => ({ ...wellBehaved, end: 'rejected' });
    cluster.changeNode('n1', { ...drain, Shoal: { DrainTimeout: 30 * second } });
    cluster.pass(29_900);
    const [old] = cluster.tasks('web');
    expect([old?.DesiredState, cluster.running('web').length, cluster.tasks('web').length > 3]).toEqual(['running', 1, true]);
    cluster.pass(400);
    expect([cluster.tasks('web').find(({ ID }) => ID === old?.ID)?.Status.State, cluster.running('web').length]).toEqual(['shutdown', 0]);
  });

  test('a successor that no node takes is waited for ten seconds', () => {
    const cluster = running(1, {});
    cluster.changeNode('n1', drain);
    cluster.pass(9900);
    expect(cluster.running('web')).toHaveLength(1);
    cluster.pass(400);
    expect(cluster.running('web')).toHaveLength(0);
    expect(cluster.tasks('web').at(-1)?.Status.Err).toBe('no suitable node (1 node not available for new tasks)');
    cluster.changeNode('n1', { Availability: 'active' });
    cluster.pass(1000);
    expect(cluster.running('web')).toHaveLength(1);
  });

  test('that is called off leaves the task where it is', () => {
    const cluster = running(2, {});
    cluster.behaviour = () => ({ ...wellBehaved, prepareMs: 5000 });
    const before = cluster.running('web').map(({ ID }) => ID);
    cluster.changeNode('n1', drain);
    cluster.pass(1000);
    cluster.changeNode('n1', { Availability: 'active' });
    cluster.pass(20_000);
    expect(cluster.running('web').map(({ ID }) => ID)).toEqual(before);
    expect(cluster.tasks('web').every(({ Shoal }) => Shoal.Leave === undefined)).toBe(true);
  });

  test('goes on under the next leader, and by its clock no longer than was meant', () => {
    const cluster = running(2, {});
    cluster.behaviour = () => ({ ...wellBehaved, prepareMs: 1e9 });
    cluster.changeNode('n1', { ...drain, Shoal: { DrainTimeout: 60 * second } });
    cluster.pass(10_000);
    cluster.setClock(-3_600_000);
    cluster.failOver();
    cluster.pass(59_000);
    expect(cluster.running('web')).toHaveLength(1);
    cluster.pass(2000);
    expect(cluster.running('web')).toHaveLength(0);
  });

  test('with an update under way ends with one task of the new spec', () => {
    for (const Order of ['stop-first', 'start-first']) {
      const cluster = running(2, {}, { UpdateConfig: { Order } });
      cluster.changeNode('n1', drain);
      cluster.pass(50);
      cluster.updateService('web', withImage('v2'));
      cluster.pass(60_000);
      expect(cluster.running('web').map(({ NodeID, Spec }) => [NodeID, Spec.ContainerSpec?.Image])).toEqual([['n2', 'v2']]);
      expect(cluster.tasks('web').filter(({ Status }) => Status.State === 'running')).toHaveLength(1);
    }
  });

  test('begins no rollout, and what only was to start there stops at once', () => {
    const cluster = running(2, {}, twoSlots);
    cluster.behaviour = () => ({ ...wellBehaved, prepareMs: 60_000 });
    cluster.updateService('web', withReplicas(4));
    cluster.pass(100);
    cluster.changeNode('n1', drain);
    expect(cluster.tasks('web').filter(({ NodeID, DesiredState }) => NodeID === 'n1' && DesiredState === 'running')).toHaveLength(1);
    expect(cluster.service('web').UpdateStatus).toBeUndefined();
  });

  test('of a node that dies meanwhile waits for nothing', () => {
    const cluster = running(2, {});
    cluster.behaviour = () => ({ ...wellBehaved, prepareMs: 5000 });
    cluster.changeNode('n1', drain);
    cluster.pass(1000);
    cluster.changeNode('n1', drain, 'down');
    cluster.pass(10_000);
    expect(cluster.running('web').map(({ NodeID }) => NodeID)).toEqual(['n2']);
    expect(cluster.tasks('web')).toHaveLength(2);
  });
});

test('a predecessor that does not stop is waited for a minute from the decision on', () => {
  const cluster = running(2, {});
  cluster.behaviour = () => ({ ...wellBehaved, stopMs: 1e9 });
  cluster.changeNode('n1', { Availability: 'drain', Shoal: { DrainTimeout: 0 } });
  cluster.pass(59_900);
  expect(cluster.running('web')).toHaveLength(0);
  cluster.pass(300);
  expect(cluster.running('web')).toHaveLength(1);
});

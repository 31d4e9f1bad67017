/** The scheduler against a slow twin that looks at everything anew for every task. */
import { finish } from '#base/pace/steps';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node } from '#model/object/node';
import type { Task } from '#model/object/task';
import { isActive } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { schedule } from '#stages/scheduler/scheduler';
import { aNode, aTask, contextAt, runStage, storeOf } from '#test/support/cluster-objects';

const nodes = fc.array(
  fc.record({
    state: fc.constantFrom('ready' as const, 'ready' as const, 'ready' as const, 'down' as const, 'unknown' as const),
    availability: fc.constantFrom('active' as const, 'active' as const, 'active' as const, 'pause' as const, 'drain' as const),
    zone: fc.constantFrom('a', 'b', undefined),
    arch: fc.constantFrom('x86_64', 'arm64'),
    cpus: fc.integer({ min: 0, max: 6 }),
    gpus: fc.integer({ min: 0, max: 2 }),
  }),
  { maxLength: 6 },
);

const services = fc.array(
  fc.record({
    cpus: fc.constantFrom(0, 0, 1, 3),
    gpus: fc.constantFrom(0, 0, 1),
    zone: fc.constantFrom(undefined, undefined, '==a', '!=a'),
    arch: fc.constantFrom(undefined, undefined, 'amd64', 'aarch64'),
    port: fc.constantFrom(0, 0, 80, 81),
    max: fc.constantFrom(0, 0, 1, 2),
    spread: fc.boolean(),
    pending: fc.integer({ min: 0, max: 5 }),
    /** Nodes (by number) of tasks that are there, each with whether it is still wanted. */
    there: fc.array(fc.tuple(fc.nat(5), fc.boolean()), { maxLength: 4 }),
    preassigned: fc.array(fc.nat(5), { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 5 },
);

type NodeFacts = typeof nodes extends fc.Arbitrary<(infer T)[]> ? T : never;
type ServiceFacts = typeof services extends fc.Arbitrary<(infer T)[]> ? T : never;

function makeNode(facts: NodeFacts, index: number): Node {
  const GenericResources = Array.from({ length: facts.gpus }, (_, i) => ({ NamedResourceSpec: { Kind: 'gpu', Value: `g${i}` } }));
  return aNode(`n${index}`, {
    Spec: { Role: 'worker', Availability: facts.availability, ...(facts.zone && { Labels: { zone: facts.zone } }) },
    Status: { State: facts.state, Addr: '' },
    Description: {
      Hostname: '',
      Platform: { Architecture: facts.arch, OS: 'linux' },
      Resources: { NanoCPUs: facts.cpus, GenericResources },
      Engine: { EngineVersion: '' },
    },
  });
}

function makeTasks(facts: ServiceFacts, index: number): Task[] {
  const ServiceID = `s${index}`;
  const change: Partial<Task> = {
    ServiceID,
    Spec: {
      Resources: {
        Reservations: { NanoCPUs: facts.cpus, ...(facts.gpus > 0 && { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: facts.gpus } }] }) },
      },
      Placement: {
        ...(facts.zone && { Constraints: [`node.labels.zone${facts.zone}`] }),
        ...(facts.arch && { Platforms: [{ Architecture: facts.arch, OS: 'linux' }] }),
        ...(facts.spread && { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] }),
        MaxReplicas: facts.max,
      },
    },
    Shoal: {
      ServiceName: ServiceID,
      ServiceLabels: {},
      SpecVersion: 1,
      Ports: [{ TargetPort: 1, PublishedPort: facts.port, Protocol: 'tcp', PublishMode: 'host' }],
    },
  };
  const there = facts.there.map(([node, wanted], i) =>
    aTask(`${ServiceID}.r${i}`, 'running', { ...change, NodeID: `n${node}`, DesiredState: wanted ? 'running' : 'shutdown' }),
  );
  const preassigned = facts.preassigned.map((node, i) => aTask(`${ServiceID}.g${i}`, 'pending', { ...change, NodeID: `n${node}` }));
  const pending = Array.from({ length: facts.pending }, (_, i) => aTask(`${ServiceID}.p${i}`, 'pending', change));
  return [...there, ...preassigned, ...pending];
}

/** The twin: every rule in the plainest words. */
function fits(task: Task, node: Node, others: readonly Task[]): boolean {
  const there = others.filter((other) => other.NodeID === node.ID && other.Status.State !== 'pending' && !isTerminal(other.Status.State));
  const cpus = (one: Task): number => one.Spec.Resources?.Reservations?.NanoCPUs ?? 0;
  const gpus = (one: Task): number => one.Spec.Resources?.Reservations?.GenericResources?.length ?? 0;
  const port = (one: Task): number => one.Shoal.Ports?.[0]?.PublishedPort ?? 0;
  const held = there.reduce((sum, other) => sum + (other.GenericResources?.length ?? 0), 0);
  const platform = task.Spec.Placement?.Platforms?.[0]?.Architecture;
  const isAmd = (name: string | undefined): boolean => name === 'amd64' || name === 'x86_64';
  const zone = node.Spec.Labels?.zone ?? '';
  const [constraint] = task.Spec.Placement?.Constraints ?? [];
  const max = task.Spec.Placement?.MaxReplicas ?? 0;
  if (node.Status.State !== 'ready' || node.Spec.Availability !== 'active') return false;
  if (cpus(task) > 0 && there.reduce((sum, other) => sum + cpus(other), cpus(task)) > (node.Description?.Resources.NanoCPUs ?? 0)) return false;
  if (gpus(task) > 0 && held + gpus(task) > (node.Description?.Resources.GenericResources?.length ?? 0)) return false;
  if (constraint && constraint.includes('!=') === (zone === 'a')) return false;
  if (platform && isAmd(platform) !== isAmd(node.Description?.Platform.Architecture)) return false;
  if (port(task) !== 0 && there.some((other) => port(other) === port(task))) return false;
  return max === 0 || there.filter((other) => other.ServiceID === task.ServiceID && isActive(other)).length < max;
}

test('every placement passes all filters, and what stays without a node fits nowhere', () => {
  fc.assert(
    fc.property(nodes, services, (nodeFacts, serviceFacts) => {
      const store = storeOf({ node: nodeFacts.map(makeNode), task: serviceFacts.flatMap(makeTasks) });
      const known = new Map([...store.list('task')].map((task) => [task.ID, task]));
      for (const action of finish(schedule(store, contextAt())).actions) {
        if (action.type !== 'update' || action.kind !== 'task') throw new Error('only tasks are written');
        const { object } = action;
        if (object.Status.State === 'assigned') {
          const before = known.get(object.ID)!;
          expect(fits(before, store.get('node', object.NodeID)!, [...known.values()]), `${object.ID} on ${object.NodeID}`).toBe(true);
        }
        known.set(object.ID, object);
      }
      for (const task of known.values()) {
        if (task.Status.State !== 'pending') continue;
        const feasible = [...store.list('node')].filter((node) => (task.NodeID === '' || task.NodeID === node.ID) && fits(task, node, [...known.values()]));
        expect(
          feasible.map(({ ID }) => ID),
          `${task.ID} waits: ${task.Status.Err}`,
        ).toEqual([]);
        if (task.NodeID === '') expect(task.Status.Err).toMatch(/^no suitable node( \(.+\))?$/);
      }
      runStage(store, schedule);
      expect(runStage(store, schedule)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('without preferences tasks of a service on equal nodes differ by one at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 40 }), (nodeCount, taskCount) => {
      const store = storeOf({
        node: Array.from({ length: nodeCount }, (_, i) => aNode(`n${i}`)),
        task: Array.from({ length: taskCount }, (_, i) => aTask(`t${i}`, 'pending')),
      });
      runStage(store, schedule);
      const counts = [...store.list('node')].map(({ ID }) => [...store.tasksOfNode(ID)].length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect(counts.reduce((a, b) => a + b)).toBe(taskCount);
    }),
  );
});

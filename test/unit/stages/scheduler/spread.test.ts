import { expect, test } from 'vitest';
import type { Labels } from '#model/object/meta';
import type { Task } from '#model/object/task';
import { Candidate } from '#stages/scheduler/candidate';
import { betterFor } from '#stages/scheduler/rank';
import { GroupPlacement, SpreadTree } from '#stages/scheduler/spread';
import { aNode, aTask } from '#test/support/cluster-objects';

interface Place {
  labels: Labels;
  /** Tasks that fit on it. */
  room?: number;
  /** Tasks of the service that are there. */
  tasks?: number;
}

function treeOf(task: Task, candidates: readonly Candidate[], accepts: (candidate: Candidate) => boolean): SpreadTree {
  const tree = new SpreadTree(task, accepts);
  for (const candidate of candidates) tree.add(candidate);
  return tree;
}

/** How many of `count` tasks each node gets. */
function spread(places: Record<string, Place>, count: number, ...descriptors: string[]): Record<string, number> {
  const Preferences = descriptors.map((SpreadDescriptor) => ({ Spread: { SpreadDescriptor } }));
  const task = aTask('t', 'pending', { Spec: { Placement: { Preferences } } });
  const got = Object.fromEntries(Object.keys(places).map((id) => [id, 0]));
  const candidates = Object.entries(places).map(([id, { labels, tasks = 0 }]) => {
    const candidate = new Candidate(aNode(id, { Spec: { Role: 'worker', Availability: 'active', Labels: labels } }));
    for (let i = 0; i < tasks; i++) candidate.add(aTask(`${id}${i}`, 'running', { NodeID: id }));
    return candidate;
  });
  const accepts = ({ node }: Candidate): boolean => (got[node.ID] ?? 0) < (places[node.ID]?.room ?? Infinity);
  const known = candidates.filter((candidate) => candidate.activeTasks > 0);
  const tree = new GroupPlacement(treeOf(task, candidates, accepts), {
    known,
    activeOn: (candidate) => candidate.activeTasks,
    accepts,
    isBetter: betterFor(task, 5),
  });
  for (let i = 0; i < count; i++) {
    tree.place((candidate) => {
      candidate.add(task);
      got[candidate.node.ID] = (got[candidate.node.ID] ?? 0) + 1;
    });
  }
  return got;
}

const north = { zone: 'north' };
const south = { zone: 'south' };

test('without a preference the emptiest nodes are filled first', () => {
  expect(spread({ a: { labels: {}, tasks: 3 }, b: { labels: {}, tasks: 1 }, c: { labels: {} } }, 5)).toEqual({ a: 0, b: 2, c: 3 });
});

test('branches get equally many, however many nodes they have', () => {
  const places = { a: { labels: north }, b: { labels: south }, c: { labels: south }, d: { labels: south } };
  expect(spread(places, 6, 'node.labels.zone')).toEqual({ a: 3, b: 1, c: 1, d: 1 });
});

test('what is there counts, also on nodes that are full', () => {
  const places = { a: { labels: north, tasks: 4, room: 0 }, b: { labels: north }, c: { labels: south } };
  expect(spread(places, 4, 'node.labels.zone')).toEqual({ a: 0, b: 0, c: 4 });
  expect(spread(places, 6, 'node.labels.zone')).toEqual({ a: 0, b: 1, c: 5 });
});

test('a branch that is full leaves the rest to the others', () => {
  expect(spread({ a: { labels: north, room: 1 }, b: { labels: south } }, 5, 'node.labels.zone')).toEqual({ a: 1, b: 4 });
  expect(spread({ a: { labels: north, room: 1 }, b: { labels: south, room: 1 } }, 5, 'node.labels.zone')).toEqual({ a: 1, b: 1 });
});

test('preferences nest, a missing label is a branch of its own, and what is no label is passed over', () => {
  const places = {
    a: { labels: { ...north, rack: '1' } },
    b: { labels: { ...north, rack: '2' } },
    c: { labels: { ...north, rack: '2' } },
    d: { labels: {} },
  };
  expect(spread(places, 8, 'node.labels.zone', 'node.id', 'NODE.LABELS.rack')).toEqual({ a: 2, b: 1, c: 1, d: 4 });
});

test('of equally full branches the one with the emptier node is taken', () => {
  const task = aTask('t', 'pending', { Spec: { Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] } } });
  const [busy, idle] = [north, south].map((Labels, i) => new Candidate(aNode(`n${i}`, { Spec: { Role: 'worker', Availability: 'active', Labels } })));
  busy!.add(aTask('o', 'running', { ServiceID: 'other' }));
  const accepts = (): boolean => true;
  const tree = treeOf(task, [busy!, idle!], accepts);
  const placement = new GroupPlacement(tree, { known: [], activeOn: () => 0, accepts, isBetter: betterFor(task, 5) });
  placement.place(({ node }) => expect(node.ID).toBe('n1'));
});

test('a tree serves one group after the other, each by its own tasks', () => {
  const candidates = ['a', 'b', 'c'].map((id) => new Candidate(aNode(id)));
  const accepts = (candidate: Candidate): boolean => candidate.activeTasks < 3;
  const tree = treeOf(aTask('t', 'pending'), candidates, accepts);
  const got: string[] = [];
  for (const ServiceID of ['x', 'y', 'z']) {
    const task = aTask(ServiceID, 'pending', { ServiceID });
    const group = new GroupPlacement(tree, { known: [], activeOn: (candidate) => candidate.activeTasksOf(ServiceID), accepts, isBetter: betterFor(task, 5) });
    for (let i = 0; i < 4; i++) {
      group.place((candidate) => {
        got.push(`${ServiceID}${candidate.node.ID}`);
        candidate.add({ ...task, NodeID: candidate.node.ID });
      });
    }
    group.end();
  }
  // Nine places for twelve tasks: the last group finds one.
  expect(got).toEqual(['xa', 'xb', 'xc', 'xa', 'yb', 'yc', 'ya', 'yb', 'zc']);
});

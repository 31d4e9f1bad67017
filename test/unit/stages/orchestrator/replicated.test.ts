import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { reconcileReplicated } from '#stages/orchestrator/replicated';
import { changes, draft, node, service, type TaskLine } from '#test/support/drafts';

const nodes = ['n1', 'n2', 'n3'].map((id) => node(id));

test.each<[string, number, TaskLine[], string[]]>([
  ['slots are numbered from 1', 2, [], ['new1: in 1, running', 'new2: in 2, running']],
  ['free numbers are used first', 3, [{ slot: 2 }], ['new1: in 1, running', 'new2: in 3, running']],
  ['nothing to do', 1, [{ slot: 1 }], []],
  ['a slot that ended for good stays', 1, [{ slot: 1, state: 'failed', Spec: { RestartPolicy: { Condition: 'none' } } }], []],
  ['a dead slot is used again and keeps its history', 1, [{ slot: 1, state: 'failed' }], ['new1: in 1, running']],
  ['other dead slots go with their history', 1, [{ slot: 1 }, { slot: 2, state: 'failed' }], ['t2: remove']],
  ['a slot under removal is dead', 1, [{ slot: 1, desired: 'remove' }], ['new1: in 1, running']],
  [
    'so is one whose earlier task had ended for good',
    1,
    [
      { slot: 1, desired: 'remove', id: 'a' },
      { slot: 1, id: 'b', state: 'failed', Spec: { RestartPolicy: { Condition: 'none' } } },
    ],
    ['new1: in 1, running'],
  ],
  [
    'the highest go first',
    1,
    [
      { slot: 1, node: 'n1' },
      { slot: 2, node: 'n2' },
      { slot: 3, node: 'n3' },
    ],
    ['t2: remove', 't3: remove'],
  ],
  [
    'what does not run goes first',
    1,
    [
      { slot: 1, state: 'ready', node: 'n1' },
      { slot: 2, node: 'n2' },
    ],
    ['t1: remove'],
  ],
  [
    'the fullest node loses first',
    2,
    [
      { slot: 1, node: 'n1' },
      { slot: 2, node: 'n1' },
      { slot: 3, node: 'n2' },
    ],
    ['t2: remove'],
  ],
  [
    'a running one on a full node before a starting one on an empty',
    1,
    [
      { slot: 1, node: 'n1', state: 'starting' },
      { slot: 2, node: 'n1' },
    ],
    ['t1: remove'],
  ],
  [
    'what has no node goes first',
    1,
    [
      { slot: 1, node: '', state: 'pending' },
      { slot: 2, state: 'starting' },
    ],
    ['t1: remove'],
  ],
  [
    'a slot with two tasks goes first',
    1,
    [
      { slot: 1, id: 'a', node: 'n1' },
      { slot: 1, id: 'b', node: 'n2' },
      { slot: 2, id: 'c', node: 'n3' },
    ],
    ['a: remove', 'b: remove'],
  ],
  ['no replicas', 0, [{ slot: 1 }], ['t1: remove']],
])('%s', (_name, Replicas, lines, expected) => {
  const situation = draft(service({ Mode: { Replicated: { Replicas } } }), lines, nodes);
  finish(reconcileReplicated(situation));
  expect(changes(situation)).toEqual(expected);
});

test('what failed under the failed spec is tried again with the restored one, once', () => {
  const of = service({}, { UpdateStatus: { State: 'rollback_started', Message: '' } });
  const Spec = { RestartPolicy: { Condition: 'none' } };
  const before = draft(of, [{ slot: 1, state: 'failed', Spec, Shoal: { SpecVersion: 2 } }]);
  finish(reconcileReplicated(before));
  expect(changes(before)).toEqual(['new1: in 1, running']);
  const after = draft(of, [{ slot: 1, state: 'failed', Spec, Shoal: { SpecVersion: 1 } }]);
  finish(reconcileReplicated(after));
  expect(changes(after)).toEqual([]);
});

test.each<[string, TaskLine[], number]>([
  ['begins with few', [], 100],
  ['makes no more while those do not come up', Array.from({ length: 100 }, (_, index) => ({ slot: index + 1, state: 'new', desired: 'ready' })), 0],
  ['nor while they fail before their start', Array.from({ length: 100 }, (_, index) => ({ slot: index + 1, state: 'rejected', desired: 'ready' })), 0],
  ['gets as many again as run', Array.from({ length: 400 }, (_, index) => ({ slot: index + 1 })), 400],
])('a service with replicas without number %s', (_name, lines, made) => {
  const situation = draft(service({ Mode: { Replicated: { Replicas: 3_000_000 } } }), lines);
  finish(reconcileReplicated(situation));
  expect(situation.tasks().length - lines.length).toBe(made);
});

import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import type { Node } from '#model/object/node';
import { reconcileGlobal } from '#stages/orchestrator/global';
import { changes, draft, node, service, type TaskLine } from '#test/support/drafts';

const ended: TaskLine = { state: 'complete', Spec: { RestartPolicy: { Condition: 'none' } } };
const left: TaskLine = { state: 'running', desired: 'shutdown' };

test.each<[string, Node, TaskLine[], string[]]>([
  ['a node without a task', node('n1'), [], ['new1: in n1, running']],
  ['a node that has one', node('n1'), [{}], []],
  ['an unknown node', node('n1', {}, 'unknown'), [], ['new1: in n1, running']],
  ['a node that is down', node('n1', {}, 'down'), [{}], ['t0: shutdown']],
  ['a drained node', node('n1', { Availability: 'drain' }), [{}], ['t0: shutdown']],
  ['a paused node', node('n1', { Availability: 'pause' }), [], []],
  ['a paused node that has one', node('n1', { Availability: 'pause' }), [{}], []],
  ['a node outside the constraints', node('n1', { Labels: { zone: 'b' } }), [{}], ['t0: shutdown']],
  ['a node that was left', node('n2'), [{ node: 'n1' }], ['new1: in n2, running', 't0: removed']],
  ['one that ended for good', node('n1'), [ended], []],
  ['a node that comes back with the old task', node('n1'), [left], ['new1: in n1, ready']],
])('%s', (_name, one, lines, expected) => {
  const of = service({ Mode: { Global: {} }, TaskTemplate: { Placement: { Constraints: ['node.labels.zone!=b'] } } });
  const situation = draft(of, lines, [one]);
  finish(reconcileGlobal(situation));
  expect(changes(situation)).toEqual(expected);
});

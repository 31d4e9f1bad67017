import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import type { ServiceMode } from '#model/object/service-spec';
import { enforceConstraints } from '#stages/orchestrator/enforce';
import { draft, node, now, service, type TaskLine } from '#test/support/drafts';

const zone = (value: string): object => ({ Placement: { Constraints: [`node.labels.zone==${value}`] } });
const inB = node('n1', { Labels: { zone: 'b' } });

test.each<[string, TaskLine, ReturnType<typeof node>, ServiceMode, boolean]>([
  ['a running task', {}, inB, {}, true],
  ['an assigned task', { state: 'assigned' }, inB, {}, true],
  ['a task that waits for its start', { state: 'ready', desired: 'ready' }, inB, {}, true],
  ['a node that matches', {}, node('n1', { Labels: { zone: 'a' } }), {}, false],
  ['a task told to stop', { desired: 'shutdown' }, inB, {}, false],
  ['a task that ended', { state: 'failed', desired: 'running' }, inB, {}, false],
  ['a task without a node', { state: 'pending', node: '' }, inB, {}, false],
  ['a preset node that is not confirmed', { state: 'pending' }, inB, {}, false],
  ['a paused node', {}, node('n1', { Labels: { zone: 'b' }, Availability: 'pause' }), {}, false],
  ['a global service', {}, inB, { Global: {} }, false],
  ['only the new constraints are broken', { Spec: zone('b'), Shoal: { SpecVersion: 0 } }, inB, {}, false],
  ['old and new ones are broken', { Spec: zone('c'), Shoal: { SpecVersion: 0 } }, inB, {}, true],
])('%s', (_name, line, one, Mode, expected) => {
  const situation = draft(service({ Mode, TaskTemplate: zone('a') }), [line], [one]);
  finish(enforceConstraints(situation));
  const status = situation.tasks()[0]?.Status;
  if (!expected) return expect(situation.actions()).toEqual([]);
  expect(status).toMatchObject({
    State: 'rejected',
    Message: 'task rejected by constraint enforcer',
    Err: 'assigned node no longer meets constraints',
    Shoal: { AppliedAt: now },
  });
});

import { expect, test } from 'vitest';
import { timeText } from '#base/clock';
import { second } from '#base/duration';
import type { RolloutSlot, Service, UpdateStatus } from '#model/service';
import type { UpdateConfig } from '#model/service-spec';
import { watchRollout } from '#stages/orchestrator/rollout-watch';
import { draft, now, service, type TaskLine } from '#test/support/drafts';

function rolling(slots: Record<string, RolloutSlot>, config: UpdateConfig = {}, status: UpdateStatus['State'] = 'updating', previous = true): Service {
  return service(
    { UpdateConfig: config, RollbackConfig: config },
    {
      UpdateStatus: { State: status, StartedAt: timeText(now - 9000), Message: 'update in progress' },
      Shoal: { SpecVersion: 1, PreviousSpecVersion: 0, Rollout: { SpecVersion: 1, Total: 4, Slots: slots } },
      ...(previous && { PreviousSpec: service({ Mode: { Replicated: { Replicas: 7 } } }).Spec }),
    },
  );
}

const ended = (ms: number): TaskLine => ({
  slot: 1,
  desired: 'running',
  Status: { State: 'failed', Message: '', Timestamp: '', Shoal: { AppliedAt: ms } },
});

test.each<[string, RolloutSlot, TaskLine[], RolloutSlot]>([
  ['it starts', { Task: 't1' }, [{ slot: 1, state: 'starting' }], { Task: 't1' }],
  ['it is up', { Task: 't1' }, [{ slot: 1 }], { Task: 't1', DoneAt: now }],
  ['it failed before it was up', { Task: 't1' }, [ended(now)], { Task: 't1', DoneAt: now, Failed: true }],
  [
    'it was moved',
    { Task: 't1' },
    [
      { slot: 1, desired: 'shutdown' },
      { slot: 1, id: 'b', state: 'starting' },
    ],
    { Task: 'b' },
  ],
  ['it was stopped and nothing followed', { Task: 't1' }, [{ slot: 1, desired: 'shutdown' }], { Task: 't1', DoneAt: now }],
  ['it is deleted', { Task: 'x' }, [], { Task: 'x', DoneAt: now }],
  ['it failed under watch', { Task: 't1', DoneAt: now - 4000 }, [ended(now)], { Task: 't1', DoneAt: now - 4000, Failed: true }],
  ['it failed at the last moment', { Task: 't1', DoneAt: now - 5000 }, [ended(now)], { Task: 't1', DoneAt: now - 5000, Failed: true }],
  ['it failed too late to count', { Task: 't1', DoneAt: now - 5000 }, [ended(now + 1)], { Task: 't1', DoneAt: now - 5000 }],
  ['it was told to stop', { Task: 't1', DoneAt: now - 1 }, [{ slot: 1, state: 'shutdown' }], { Task: 't1', DoneAt: now - 1 }],
])('%s', (_name, before, lines, after) => {
  const situation = draft(rolling({ 1: before }, { FailureAction: 'continue' }), lines);
  watchRollout(situation);
  expect(situation.service.Shoal.Rollout?.Slots).toEqual({ 1: after });
  expect(situation.service.UpdateStatus?.State).toBe('updating');
});

const text = 'due to failure or early termination of task t1';

test.each<[string, Service, UpdateStatus['State'], string]>([
  ['pause is the default', rolling({ 1: { Task: 't1' } }), 'paused', `update paused ${text}`],
  ['continue', rolling({ 1: { Task: 't1' } }, { FailureAction: 'continue' }), 'updating', 'update in progress'],
  ['within the ratio', rolling({ 1: { Task: 't1' } }, { MaxFailureRatio: 0.25 }), 'updating', 'update in progress'],
  [
    'beyond the ratio',
    rolling({ 1: { Task: 't1' }, 2: { Task: 'x', DoneAt: now, Failed: true } }, { MaxFailureRatio: 0.25 }),
    'paused',
    `update paused ${text}`,
  ],
  ['rollback', rolling({ 1: { Task: 't1' } }, { FailureAction: 'rollback' }), 'rollback_started', `update rolled back ${text}`],
  ['rollback to nothing', rolling({ 1: { Task: 't1' } }, { FailureAction: 'rollback' }, 'updating', false), 'paused', `update paused ${text}`],
  ['a failing rollback that pauses', rolling({ 1: { Task: 't1' } }, {}, 'rollback_started'), 'rollback_paused', `update paused ${text}`],
  [
    'a failing rollback is not rolled back',
    rolling({ 1: { Task: 't1' } }, { FailureAction: 'rollback' }, 'rollback_started'),
    'rollback_paused',
    `rollback paused ${text}`,
  ],
  ['a paused update', rolling({ 1: { Task: 't1' } }, { FailureAction: 'rollback' }, 'paused'), 'paused', 'update in progress'],
  ['an update that is over', rolling({ 1: { Task: 't1' } }, {}, 'completed'), 'completed', 'update in progress'],
])('%s', (_name, of, state, message) => {
  const situation = draft(of, [ended(now)]);
  watchRollout(situation);
  expect(situation.service.UpdateStatus).toEqual({ State: state, StartedAt: timeText(now - 9000), Message: message });
});

test('a rollback brings the whole spec back and leaves no way back', () => {
  const situation = draft(rolling({ 1: { Task: 't1' } }, { FailureAction: 'rollback' }), [ended(now)]);
  watchRollout(situation);
  const { Spec, PreviousSpec, Shoal } = situation.service;
  expect(Spec.Mode).toEqual({ Replicated: { Replicas: 7 } });
  expect(PreviousSpec).toBeUndefined();
  expect(Shoal).toEqual({ SpecVersion: 0, PreviousSpecVersion: 1 });
});

test('a rollout of another spec is none of ours', () => {
  const of = rolling({ 1: { Task: 't1' } });
  const situation = draft({ ...of, Shoal: { ...of.Shoal, SpecVersion: 2 } }, [ended(now)]);
  watchRollout(situation);
  expect(situation.actions()).toEqual([]);
});

test('slots that say nothing any more are left out, failed ones stay', () => {
  const long = now - 60_000;
  const slots = { 1: { Task: 't1' }, 2: { Task: 'x', DoneAt: long }, 3: { Task: 'y', DoneAt: long, Failed: true }, 4: { Task: 'z', DoneAt: now - 9000 } };
  const situation = draft(rolling(slots, { Delay: 10 * second }), [{ slot: 1 }]);
  watchRollout(situation);
  expect(Object.keys(situation.service.Shoal.Rollout?.Slots ?? {})).toEqual(['1', '3', '4']);
});

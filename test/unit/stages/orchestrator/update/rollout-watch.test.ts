import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { timeText } from '#base/clock';
import type { Service, UpdateStatus } from '#model/object/service';
import type { RolloutPart } from '#model/object/task';
import type { Draft } from '#stages/orchestrator/draft';
import type { UpdateConfig } from '#model/object/service-spec';
import { watchRollout } from '#stages/orchestrator/update/rollout-watch';
import { draft, now, service, type TaskLine } from '#test/support/drafts';

function rolling(config: UpdateConfig = {}, status: UpdateStatus['State'] = 'updating', previous = true): Service {
  return service(
    { UpdateConfig: config, RollbackConfig: config },
    {
      UpdateStatus: { State: status, StartedAt: timeText(now - 9000), Message: 'update in progress' },
      Shoal: { SpecVersion: 1, PreviousSpecVersion: 0, Rollout: { ID: 'r', SpecVersion: 1, Total: 4 } },
      ...(previous && { PreviousSpec: service({ Mode: { Replicated: { Replicas: 7 } } }).Spec }),
    },
  );
}

type Part = Omit<RolloutPart, 'ID'>;

const part = (rest: Part = {}): TaskLine => ({ Shoal: { Rollout: { ID: 'r', ...rest } } });

/** What the tasks say of the rollout, without its id. */
function partsOf(situation: Draft): Record<string, Part> {
  return Object.fromEntries(
    situation.tasks().flatMap(({ ID, Shoal: { Rollout } }) => {
      if (!Rollout) return [];
      const { ID: _id, ...rest } = Rollout;
      return [[ID, rest]];
    }),
  );
}

const ended = (ms: number): TaskLine => ({
  slot: 1,
  desired: 'running',
  Status: { State: 'failed', Message: '', Timestamp: '', Shoal: { AppliedAt: ms } },
});

test.each<[string, TaskLine[], Record<string, Part>]>([
  ['it starts', [{ ...part(), slot: 1, state: 'starting' }], { t1: {} }],
  ['it is up', [{ ...part(), slot: 1 }], { t1: { DoneAt: now } }],
  ['it failed before it was up', [{ ...part(), ...ended(now) }], { t1: { DoneAt: now, Failed: true } }],
  [
    'it was moved',
    [
      { ...part(), slot: 1, desired: 'shutdown' },
      { slot: 1, id: 'b', state: 'starting' },
    ],
    { t1: {}, b: {} },
  ],
  ['it was stopped and nothing followed', [{ ...part(), slot: 1, desired: 'shutdown' }], { t1: { DoneAt: now } }],
  ['it failed under watch', [{ ...part({ DoneAt: now - 4000 }), ...ended(now) }], { t1: { DoneAt: now - 4000, Failed: true } }],
  ['it failed at the last moment', [{ ...part({ DoneAt: now - 5000 }), ...ended(now) }], { t1: { DoneAt: now - 5000, Failed: true } }],
  ['it failed too late to count', [{ ...part({ DoneAt: now - 5000 }), ...ended(now + 1) }], { t1: { DoneAt: now - 5000 } }],
  ['it was told to stop', [{ ...part({ DoneAt: now - 1 }), slot: 1, state: 'shutdown' }], { t1: { DoneAt: now - 1 } }],
  ['the clock was set back', [{ ...part({ DoneAt: now + 3_600_000 }), slot: 1 }], { t1: { DoneAt: now } }],
  [
    'it was taken off its node by us',
    [{ ...part(), slot: 1, desired: 'ready', Status: { State: 'rejected', Message: 'task rejected by constraint enforcer', Timestamp: '' } }],
    { t1: {} },
  ],
])('%s', (_name, lines, after) => {
  const situation = draft(rolling({ FailureAction: 'continue' }), lines);
  finish(watchRollout(situation));
  expect(partsOf(situation)).toEqual(after);
  expect(situation.service.UpdateStatus?.State).toBe('updating');
});

const text = 'due to failure or early termination of task t1';

test.each<[string, Service, UpdateStatus['State'], string]>([
  ['pause is the default', rolling(), 'paused', `update paused ${text}`],
  ['continue', rolling({ FailureAction: 'continue' }), 'updating', 'update in progress'],
  ['within the ratio', rolling({ MaxFailureRatio: 0.25 }), 'updating', 'update in progress'],
  ['beyond the ratio', rolling({ MaxFailureRatio: 0.2 }), 'paused', `update paused ${text}`],
  ['rollback', rolling({ FailureAction: 'rollback' }), 'rollback_started', `update rolled back ${text}`],
  ['rollback to nothing', rolling({ FailureAction: 'rollback' }, 'updating', false), 'paused', `update paused ${text}`],
  ['a failing rollback that pauses', rolling({}, 'rollback_started'), 'rollback_paused', `update paused ${text}`],
  ['a failing rollback is not rolled back', rolling({ FailureAction: 'rollback' }, 'rollback_started'), 'rollback_paused', `rollback paused ${text}`],
  ['a paused update', rolling({ FailureAction: 'rollback' }, 'paused'), 'paused', 'update in progress'],
  ['an update that is over', rolling({}, 'completed'), 'completed', 'update in progress'],
])('%s', (_name, of, state, message) => {
  const situation = draft(of, [{ ...part(), ...ended(now) }]);
  finish(watchRollout(situation));
  expect(situation.service.UpdateStatus).toEqual({ State: state, StartedAt: timeText(now - 9000), Message: message });
});

test('a rollback brings the whole spec back and leaves no way back', () => {
  const situation = draft(rolling({ FailureAction: 'rollback' }), [{ ...part(), ...ended(now) }]);
  finish(watchRollout(situation));
  const { Spec, PreviousSpec, Shoal } = situation.service;
  expect(Spec.Mode).toEqual({ Replicated: { Replicas: 7 } });
  expect(PreviousSpec).toBeUndefined();
  expect(Shoal).toEqual({ SpecVersion: 0, PreviousSpecVersion: 1 });
});

test('a rollout of another spec is none of ours', () => {
  const of = rolling();
  const situation = draft({ ...of, Shoal: { ...of.Shoal, SpecVersion: 2 } }, [{ ...part(), ...ended(now) }]);
  finish(watchRollout(situation));
  expect(situation.actions()).toEqual([]);
});

test('failures of other slots count, and only those of this rollout', () => {
  const lines = [
    { ...part(), ...ended(now) },
    { ...part({ DoneAt: now, Failed: true }), slot: 2, id: 'b' },
    { slot: 3, id: 'c', Shoal: { Rollout: { ID: 'earlier', DoneAt: now, Failed: true } } },
  ];
  const within = draft(rolling({ MaxFailureRatio: 0.5 }), lines);
  finish(watchRollout(within));
  expect(within.service.UpdateStatus?.State).toBe('updating');
  const beyond = draft(rolling({ MaxFailureRatio: 0.4 }), lines);
  finish(watchRollout(beyond));
  expect(beyond.service.UpdateStatus?.State).toBe('paused');
});

test('what an earlier program noted on the service goes on', () => {
  const of = rolling({ FailureAction: 'continue' });
  const Slots = { 1: { Task: 't1' }, 2: { Task: 'b', DoneAt: now - 10, Failed: true }, 3: { Task: 'gone' } };
  const situation = draft({ ...of, Shoal: { ...of.Shoal, Rollout: { SpecVersion: 1, Total: 4, Slots } } }, [
    { slot: 1 },
    { slot: 2, id: 'b' },
    { slot: 3, id: 'c' },
  ]);
  finish(watchRollout(situation));
  expect(partsOf(situation)).toEqual({ t1: { DoneAt: now }, b: { DoneAt: now - 10, Failed: true } });
  expect(situation.service.Shoal.Rollout).toEqual({ ID: '1.1', SpecVersion: 1, Total: 4 });
});

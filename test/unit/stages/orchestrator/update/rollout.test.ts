import { finish } from '#base/pace/steps';
import { describe, expect, test } from 'vitest';
import { timeText } from '#base/clock';
import { second } from '#base/text/duration';
import type { Service, UpdateStatus } from '#model/object/service';
import type { RolloutPart } from '#model/object/task';
import type { UpdateConfig } from '#model/object/service-spec';
import type { Draft } from '#stages/orchestrator/draft';
import { reconcileReplicated } from '#stages/orchestrator/replicated';
import { rollOut } from '#stages/orchestrator/update/rollout';
import { changes, draft, now, service, type TaskLine } from '#test/support/drafts';

const v0 = { Spec: { ContainerSpec: { Image: 'v0' } }, Shoal: { SpecVersion: 0 } };
const old = (slot: number): TaskLine => ({ slot, ...v0 });

/** Where each slot is, by the task that holds the part. */
type Parts = Record<string, Omit<RolloutPart, 'ID'> & { Task: string }>;

/** The lines with the parts of the rollout on them. */
function withParts(lines: readonly TaskLine[], parts: Parts = {}): TaskLine[] {
  return lines.map((line) => {
    const found = Object.values(parts).find(({ Task }) => Task === (line.id ?? `t${line.slot}`));
    if (!found) return line;
    const { Task: _task, ...part } = found;
    return { ...line, Shoal: { ...line.Shoal, Rollout: { ID: '1.1', ...part } } };
  });
}

function partsOf(situation: Draft): Parts {
  const held = situation.tasks().flatMap(({ ID, Slot, Shoal: { Rollout: part } }) => {
    if (!part) return [];
    const { ID: _rollout, ...rest } = part;
    return [[String(Slot), { Task: ID, ...rest }] as const];
  });
  return Object.fromEntries(held);
}

function rolled(config: UpdateConfig, given: readonly TaskLine[], slots?: Parts, state?: UpdateStatus['State']): Draft {
  const lines = withParts(given, slots);
  const replicas = new Set(lines.map((line) => line.slot)).size;
  const of: Service = service(
    { UpdateConfig: config, Mode: { Replicated: { Replicas: replicas } } },
    {
      Shoal: { SpecVersion: 1, ...(slots && { Rollout: { ID: '1.1', SpecVersion: 1, Total: 3 } }) },
      ...((slots ?? state) && { UpdateStatus: { State: state ?? 'updating', Message: 'm' } }),
    },
  );
  const situation = draft(of, lines);
  finish(rollOut(situation, finish(reconcileReplicated(situation))));
  return situation;
}

describe('what is replaced', () => {
  test.each<[string, UpdateConfig, TaskLine[], Parts | undefined, string[]]>([
    ['the lowest slot', { Parallelism: 1 }, [old(2), old(1)], undefined, ['service: updated', 't1: shutdown', 'new1: in 1, ready']],
    [
      'as many as there are workers',
      { Parallelism: 2 },
      [old(1), old(2), old(3)],
      undefined,
      ['service: updated', 't1: shutdown', 't2: shutdown', 'new1: in 1, ready', 'new2: in 2, ready'],
    ],
    ['start-first the old one stays', { Parallelism: 1, Order: 'start-first' }, [old(1)], undefined, ['service: updated', 'new1: in 1, running']],
    [
      'an old one that never ran is not waited for',
      { Parallelism: 1 },
      [{ ...old(1), state: 'pending' }],
      undefined,
      ['service: updated', 't1: shutdown', 'new1: in 1, running'],
    ],
    [
      'one that ended for good',
      { Parallelism: 1 },
      [{ ...old(1), state: 'failed', Spec: { ...v0.Spec, RestartPolicy: { Condition: 'none' } } }],
      undefined,
      ['service: updated', 'new1: in 1, running'],
    ],
    ['nobody while the worker waits', { Parallelism: 1 }, [{ slot: 1, state: 'starting' }, old(2)], { 1: { Task: 't1' } }, []],
    ['nobody in the delay', { Parallelism: 1, Delay: second }, [{ slot: 1 }, old(2)], { 1: { Task: 't1', DoneAt: now - 999 } }, []],
    [
      'the next one after the delay',
      { Parallelism: 1, Delay: second },
      [{ slot: 1 }, old(2)],
      { 1: { Task: 't1', DoneAt: now - 1000 } },
      ['t2: shutdown', 'new1: in 2, ready'],
    ],
    [
      'a failed slot is not tried again',
      { Parallelism: 1 },
      [old(1), { slot: 1, id: 'x', state: 'failed' }],
      { 1: { Task: 'x', DoneAt: now, Failed: true } },
      [],
    ],
    [
      'a clean one that runs ends the double occupation',
      { Order: 'start-first' },
      [old(1), { slot: 1, id: 'b' }],
      { 1: { Task: 'b', DoneAt: now } },
      ['t1: shutdown'],
    ],
    ['start-first waits for it to run', { Order: 'start-first' }, [old(1), { slot: 1, id: 'b', state: 'starting' }], { 1: { Task: 'b' } }, []],
    ['stop-first does not', { Parallelism: 1 }, [old(1), { slot: 1, id: 'b', state: 'starting' }], { 1: { Task: 'b' } }, ['t1: shutdown']],
  ])('%s', (_name, config, lines, slots, expected) => {
    expect(changes(rolled(config, lines, slots))).toEqual(expected);
  });

  test('a start that was not allowed yet also waits for those who leave', () => {
    const situation = rolled({}, [old(1), { slot: 1, id: 'b', state: 'ready', desired: 'ready' }], { 1: { Task: 'b' } });
    expect(situation.task('b')?.Shoal.StartAfterTasks).toEqual({ IDs: ['t1'], Until: now + 60_000 });
  });

  test.each(['paused', 'rollback_paused'] as const)('%s: nothing', (state) => {
    expect(changes(rolled({}, [old(1)], undefined, state))).toEqual([]);
  });
});

describe('the status', () => {
  test('starts with the first dirty slot', () => {
    const { UpdateStatus, Shoal } = rolled({ Parallelism: 1 }, [old(1), old(2)]).service;
    expect(UpdateStatus).toEqual({ State: 'updating', StartedAt: timeText(now), Message: 'update in progress' });
    expect(Shoal.Rollout).toEqual({ ID: '1.1', SpecVersion: 1, Total: 2 });
  });

  test('stays away when no task is dirty', () => {
    expect(rolled({}, [{ slot: 1 }]).service.UpdateStatus).toBeUndefined();
  });

  test.each<[string, Parts | undefined, UpdateStatus['State'], UpdateStatus['State'], number | undefined]>([
    ['nothing to roll', undefined, 'updating', 'completed', undefined],
    ['nothing to roll back', undefined, 'rollback_started', 'rollback_completed', undefined],
    ['a task under watch', { 1: { Task: 't1', DoneAt: now - 4000 } }, 'updating', 'updating', now + 1000],
    ['the watch is over', { 1: { Task: 't1', DoneAt: now - 5000 } }, 'updating', 'completed', undefined],
    ['a task on its way', { 1: { Task: 't1' } }, 'updating', 'updating', undefined],
    ['the end of a rollback', { 1: { Task: 't1', DoneAt: now - 5000 } }, 'rollback_started', 'rollback_completed', undefined],
    ['over before', undefined, 'completed', 'completed', undefined],
  ])('%s', (_name, slots, before, after, wakeAt) => {
    const situation = rolled({}, [{ slot: 1 }], slots, before);
    expect(situation.service.UpdateStatus?.State).toBe(after);
    expect(situation.wakeAt).toBe(wakeAt);
    const texts = { completed: 'update completed', rollback_completed: 'rollback completed' } as const;
    if (after in texts && before !== after) {
      expect(situation.service.UpdateStatus).toMatchObject({ Message: texts[after as 'completed'], CompletedAt: timeText(now) });
    }
  });

  test('a slot that still has two tasks holds the end back, unless the rollout has given it up', () => {
    const lines = [old(1), { slot: 1, id: 'b', state: 'starting' as const }, { slot: 2 }];
    const done = { Task: 't2', DoneAt: now - 5000 };
    const taken = rolled({ Order: 'start-first' }, lines, { 2: done });
    expect(taken.service.UpdateStatus?.State).toBe('updating');
    expect(partsOf(taken)[1]).toEqual({ Task: 'b' });
    const givenUp = rolled({ Order: 'start-first' }, lines, { 1: { Task: 'b', DoneAt: now - 5000, Failed: true }, 2: done });
    expect(givenUp.service.UpdateStatus?.State).toBe('completed');
  });

  test('a late dirty slot is rolled without reopening the update', () => {
    const situation = rolled({ Parallelism: 1 }, [old(1)], undefined, 'completed');
    expect(changes(situation)).toEqual(['service: updated', 't1: shutdown', 'new1: in 1, ready']);
    expect(situation.service.UpdateStatus?.State).toBe('completed');
  });

  test('the end of a delay is the next deadline', () => {
    expect(rolled({ Parallelism: 1, Delay: second }, [{ slot: 1 }, old(2)], { 1: { Task: 't1', DoneAt: now - 400 } }).wakeAt).toBe(now + 600);
  });
});

import { finish } from '#base/pace/steps';
import { describe, expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { mayRestart, restartTasks } from '#stages/orchestrator/restart';
import { changes, draft, node, now, service, task, type TaskLine } from '#test/support/drafts';

describe('the policy', () => {
  const ended = (state: TaskLine['state'], policy: object, more: TaskLine = {}): boolean =>
    mayRestart(task({ ...more, ...(state && { state }) }, service({ TaskTemplate: { RestartPolicy: policy } })));

  test.each([
    [{}, 'complete', true],
    [{ Condition: 'any' }, 'failed', true],
    [{ Condition: 'on-failure' }, 'complete', false],
    [{ Condition: 'on-failure' }, 'shutdown', true],
    [{ Condition: 'on-failure' }, 'orphaned', true],
    [{ Condition: 'none' }, 'failed', false],
  ] as const)('%j after %s: %s', (policy, state, expected) => {
    expect(ended(state, policy)).toBe(expected);
  });

  test('a completed job task is done, whatever the condition says', () => {
    expect(ended('complete', { Condition: 'any' }, { JobIteration: { Index: 0 } })).toBe(false);
    expect(ended('failed', { Condition: 'any' }, { JobIteration: { Index: 0 } })).toBe(true);
  });

  test.each([
    [0, [1, 2, 3], undefined, true],
    [3, [1, 2], undefined, true],
    [3, [1, 2, 3], undefined, false],
    [2, [-90, -80], 60, true],
    [2, [-90, -50], 60, true],
    [2, [-59, -50], 60, false],
    [1, [-60], 60, true],
    [1, [0], 60, true],
  ])('max_attempts %i, restarts at %j s, window %s s: %s', (MaxAttempts, seconds, windowSeconds, expected) => {
    const policy = { MaxAttempts, ...(windowSeconds !== undefined && { Window: windowSeconds * second }) };
    expect(ended('failed', policy, { Shoal: { Restarts: seconds.map((at) => now + at * 1000) } })).toBe(expected);
  });
});

describe('who is restarted', () => {
  test.each<[string, TaskLine, ReturnType<typeof node>[], string[]]>([
    ['a running task', {}, [node('n1')], []],
    ['one that failed', { state: 'failed', desired: 'running' }, [node('n1')], ['t1: shutdown', 'new1: in 1, ready']],
    ['one that was told to stop', { state: 'failed', desired: 'shutdown' }, [node('n1')], []],
    ['one that still waits', { state: 'rejected', desired: 'ready' }, [node('n1')], []],
    ['one that nobody has yet', { state: 'pending', node: '' }, [node('n1')], []],
    ['on a node that is down', {}, [node('n1', {}, 'down')], ['t1: shutdown', 'new1: in 1, running']],
    ['on a drained node', {}, [node('n1', { Availability: 'drain' })], ['t1: running', 'new1: in 1, running']],
    ['on a drained node, not up yet', { state: 'starting' }, [node('n1', { Availability: 'drain' })], ['t1: shutdown', 'new1: in 1, ready']],
    [
      'on a drained node that waits for nothing',
      {},
      [node('n1', { Availability: 'drain', Shoal: { DrainTimeout: 0 } })],
      ['t1: shutdown', 'new1: in 1, ready'],
    ],
    ['on a node that is gone', {}, [], ['t1: shutdown', 'new1: in 1, running']],
    ['on a paused node', {}, [node('n1', { Availability: 'pause' })], []],
    ['on an unknown node', {}, [node('n1', {}, 'unknown')], []],
    ['on a disconnected node', {}, [node('n1', {}, 'disconnected')], []],
  ])('%s', (_name, line, nodes, expected) => {
    const situation = draft(service(), [{ slot: 1, ...line }], nodes);
    finish(restartTasks(situation));
    expect(changes(situation)).toEqual(expected);
  });
});

describe('when the successor starts', () => {
  const successor = (line: TaskLine, nodes = [node('n1')], delay?: number): object | undefined => {
    const policy = delay === undefined ? {} : { RestartPolicy: { Delay: delay } };
    const situation = draft(service({ TaskTemplate: policy }), [{ slot: 1, desired: 'running', ...line }], nodes);
    finish(restartTasks(situation));
    const { StartAfter, StartAfterTasks } = situation.task('new1')?.Shoal ?? {};
    return { StartAfter: StartAfter && StartAfter - now, StartAfterTasks };
  };

  test.each<[string, object | undefined, object]>([
    ['after the default delay', successor({ state: 'failed' }), { StartAfter: 5000, StartAfterTasks: undefined }],
    ['after its own delay', successor({ state: 'failed' }, undefined, 30 * second), { StartAfter: 30_000, StartAfterTasks: undefined }],
    ['at once without a delay', successor({ state: 'failed' }, undefined, 0), { StartAfter: undefined, StartAfterTasks: undefined }],
    ['at once in place of a lost node', successor({}, [node('n1', {}, 'down')]), { StartAfter: undefined, StartAfterTasks: undefined }],
    [
      'after the delay in place of a failed task of a lost node',
      successor({ state: 'failed' }, [node('n1', {}, 'down')]),
      { StartAfter: 5000, StartAfterTasks: undefined },
    ],
    [
      'on a drain as soon as the old one has stopped',
      successor({}, [node('n1', { Availability: 'drain', Shoal: { DrainTimeout: 0 } })]),
      { StartAfter: undefined, StartAfterTasks: { IDs: ['t1'], Until: now + 60_000 } },
    ],
  ])('%s', (_name, actual, expected) => {
    expect(actual).toEqual(expected);
  });
});

test('a service that must not run twice waits until a lost node has stopped its task, and leaves a drained one after it', () => {
  const fence = { Shoal: { ServiceLabels: { 'shoal.fence': '5s' } } };
  const successor = (nodes: ReturnType<typeof node>[]) => {
    const situation = draft(service(), [{ slot: 1, ...fence }], nodes);
    finish(restartTasks(situation));
    const { StartAfter, StartAfterTasks } = situation.task('new1')?.Shoal ?? {};
    return [changes(situation), StartAfter && StartAfter - now, StartAfterTasks?.IDs];
  };
  const stopFirst = ['t1: shutdown', 'new1: in 1, ready'];
  expect(successor([node('n1', {}, 'down')])).toEqual([stopFirst, 14_000, ['t1']]);
  // Drained when it is cut off, it runs on there as long.
  expect(successor([node('n1', { Availability: 'drain' }, 'down')])).toEqual([stopFirst, undefined, ['t1']]);
  expect(successor([node('n1', { Availability: 'drain' })])).toEqual([stopFirst, undefined, ['t1']]);
  expect(successor([])).toEqual([['t1: shutdown', 'new1: in 1, running'], undefined, undefined]);
});

test.each<[string, ReturnType<typeof node>, string[]]>([
  ['its node takes it again', node('n1'), ['t0: shutdown', 'new1: in n1, ready']],
  ['its node is paused', node('n1', { Availability: 'pause' }), ['t0: shutdown']],
  ['its node is outside the constraints', node('n1', { Labels: { zone: 'b' } }), ['t0: shutdown']],
])('a global task that failed: %s', (_name, one, expected) => {
  const of = service({ Mode: { Global: {} }, TaskTemplate: { Placement: { Constraints: ['node.labels.zone!=b'] } } });
  const situation = draft(of, [{ state: 'failed', desired: 'running' }], [one]);
  finish(restartTasks(situation));
  expect(changes(situation)).toEqual(expected);
});

test('restarts are counted per slot and spec', () => {
  const of = service({ TaskTemplate: { RestartPolicy: { MaxAttempts: 2 } } });
  const situation = draft(of, [
    { slot: 1, state: 'failed', desired: 'running', Shoal: { Restarts: [now - 5] } },
    { slot: 2, state: 'failed', desired: 'running', Shoal: { Restarts: [now - 5], SpecVersion: 0 } },
  ]);
  finish(restartTasks(situation));
  expect(situation.task('new1')?.Shoal).toMatchObject({ Restart: true, Restarts: [now - 5, now] });
  expect(situation.task('new2')?.Shoal).toMatchObject({ Restart: true, Restarts: [now] });
});

test('a failed task of the failed spec is left to the rollback', () => {
  const of = service({}, { Shoal: { SpecVersion: 1 }, UpdateStatus: { State: 'rollback_started', Message: '' } });
  const dirty = { Spec: { ContainerSpec: { Image: 'v2' } }, Shoal: { SpecVersion: 2 } };
  const situation = draft(of, [
    { slot: 1, state: 'failed', desired: 'running', ...dirty },
    { slot: 2, state: 'failed', desired: 'running' },
  ]);
  finish(restartTasks(situation));
  expect(changes(situation)).toEqual(['t2: shutdown', 'new1: in 2, ready']);
});

describe('many that fail at once', () => {
  const policy = { TaskTemplate: { RestartPolicy: { Delay: 5 * second } } };
  const startsAfter = (count: number, line: TaskLine, nodes: ReturnType<typeof node>[]): number[] => {
    const situation = draft(
      service(policy),
      Array.from({ length: count }, (_, index) => ({ slot: index + 1, ...line })),
      nodes,
    );
    finish(restartTasks(situation));
    return situation.tasks().flatMap(({ Shoal: { StartAfter } }) => (StartAfter === undefined ? [] : [(StartAfter - now) / 1000]));
  };
  const inOneSecond = (seconds: readonly number[]): number => Math.max(...seconds.map((at) => seconds.filter((each) => each === at).length));

  test('come back spread: so many after their delay, and then so many a second', () => {
    const seconds = startsAfter(1000, { state: 'failed', desired: 'running' }, [node('n1')]);
    expect(seconds).toHaveLength(1000);
    expect(seconds.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 5));
    expect(inOneSecond(seconds.slice(20))).toBe(5);
    expect(Math.max(...seconds)).toBe(201);
  });

  test('those that wait already go first', () => {
    const waiting = Array.from({ length: 60 }, (_, index): TaskLine => ({
      slot: index + 1,
      state: 'new',
      desired: 'ready',
      Shoal: { Restart: true, StartAfter: now + 1 },
    }));
    const situation = draft(service(policy), [...waiting, { slot: 61, state: 'failed', desired: 'running' }]);
    finish(restartTasks(situation));
    expect(situation.task('new1')?.Shoal).toMatchObject({ StartAfter: now + 14_000, StartDelay: 14_000 });
  });

  test('more nodes take more', () => {
    const nodes = Array.from({ length: 10 }, (_, index) => node(`n${index + 1}`));
    expect(new Set(startsAfter(200, { state: 'failed', desired: 'running' }, nodes))).toEqual(new Set([5]));
  });

  test('those of a node that is lost go elsewhere without a queue', () => {
    const situation = draft(
      service({ ...policy, Mode: { Replicated: { Replicas: 200 } } }),
      Array.from({ length: 200 }, (_, at) => ({ slot: at + 1 })),
      [node('n1', {}, 'down')],
    );
    finish(restartTasks(situation));
    expect(changes(situation).filter((line) => line.endsWith(', running'))).toHaveLength(200);
  });
});

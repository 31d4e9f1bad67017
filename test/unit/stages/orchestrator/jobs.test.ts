import { finish } from '#base/pace/steps';
import { describe, expect, test } from 'vitest';
import type { Node } from '#model/object/node';
import { reconcileGlobalJob, reconcileReplicatedJob } from '#stages/orchestrator/jobs';
import { changes, draft, node, service, type TaskLine } from '#test/support/drafts';

const JobStatus = { JobIteration: { Index: 3 }, LastExecution: '' };
const now3 = { JobIteration: { Index: 3 } };
const active = (slot: number): TaskLine => ({ slot, desired: 'complete', ...now3 });
const done = (slot: number): TaskLine => ({ slot, state: 'complete', desired: 'complete', ...now3 });
const spent = (slot: number): TaskLine => ({ slot, state: 'failed', Spec: { RestartPolicy: { Condition: 'none' } }, ...now3 });

describe('replicated', () => {
  test.each<[string, object, TaskLine[], string[]]>([
    ['slots count from 0', { MaxConcurrent: 2, TotalCompletions: 3 }, [], ['new1: in 0, complete', 'new2: in 1, complete']],
    ['as many as fit beside those at work', { MaxConcurrent: 2, TotalCompletions: 3 }, [active(0)], ['new1: in 1, complete']],
    ['completed ones make room', { MaxConcurrent: 1, TotalCompletions: 3 }, [done(0)], ['new1: in 1, complete']],
    ['all done', { MaxConcurrent: 2, TotalCompletions: 2 }, [done(0), done(1)], []],
    ['the total is the concurrency unless given', { MaxConcurrent: 2 }, [done(0)], ['new1: in 1, complete']],
    ['one by default', {}, [], ['new1: in 0, complete']],
    ['a spent slot stays undone, the others go on', { MaxConcurrent: 1, TotalCompletions: 3 }, [spent(0)], ['new1: in 1, complete']],
    ['more at work than may be: nobody is hurt', { MaxConcurrent: 1, TotalCompletions: 2 }, [active(0), active(1)], []],
    [
      'of older iterations what goes on is stopped, and what ended stays',
      {},
      [
        { slot: 0, desired: 'complete' },
        { slot: 1, desired: 'complete', state: 'pending' },
        { slot: 0, desired: 'complete', state: 'complete', id: 'c' },
        { slot: 0, desired: 'complete', state: 'failed', id: 'f' },
        { ...done(0), id: 'x' },
      ],
      ['t0: shutdown', 't1: remove'],
    ],
  ])('%s', (_name, ReplicatedJob, lines, expected) => {
    const situation = draft(service({ Mode: { ReplicatedJob } }, { JobStatus }), lines);
    finish(reconcileReplicatedJob(situation));
    expect(changes(situation)).toEqual(expected);
  });
});

describe('global', () => {
  test.each<[string, Node, TaskLine[], string[]]>([
    ['a ready node', node('n1'), [], ['new1: in n1, complete']],
    ['a node that completed', node('n1'), [done(0)], []],
    ['a node that is not ready', node('n1', {}, 'unknown'), [], []],
    ['a paused node', node('n1', { Availability: 'pause' }), [], []],
    ['a drained node', node('n1', { Availability: 'drain' }), [active(0)], ['t0: shutdown']],
    ['a drained node that completed', node('n1', { Availability: 'drain' }), [done(0)], []],
    ['a node that left', node('n2', { Availability: 'pause' }), [done(0)], ['t0: removed']],
    ['attempts used up', node('n1'), [spent(0)], []],
    ['a new iteration', node('n1'), [{ state: 'complete', desired: 'complete' }], ['new1: in n1, complete']],
  ])('%s', (_name, one, lines, expected) => {
    const situation = draft(service({ Mode: { GlobalJob: {} } }, { JobStatus }), lines, [one]);
    finish(reconcileGlobalJob(situation));
    expect(changes(situation)).toEqual(expected);
  });
});

test.each<[object, (situation: ReturnType<typeof draft>) => Parameters<typeof finish>[0]]>([
  [{ ReplicatedJob: { TotalCompletions: 3 } }, reconcileReplicatedJob],
  [{ GlobalJob: {} }, reconcileGlobalJob],
])('a run that counts as over makes no task, and ends those of the one before: %j', (Mode, reconcile) => {
  const job = service({ Mode }, { JobStatus });
  const situation = draft({ ...job, Shoal: { ...job.Shoal, Finished: 3 } }, [{ slot: 0, desired: 'complete', JobIteration: { Index: 2 } }], [node('n1')]);
  finish(reconcile(situation));
  expect(changes(situation)).toEqual(['t0: shutdown']);
});

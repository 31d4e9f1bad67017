import { expect, test } from 'vitest';
import { withEnd, withState, withWait } from '#model/task-status';
import { makeTask } from '#test/support/worker';

const now = 5000;
const started = makeTask(
  't1',
  {},
  { Status: { Timestamp: '', State: 'running', Message: 'started', ContainerStatus: { ContainerID: 'c1' }, Shoal: { AppliedAt: 1 } } },
);

test('every write of a manager says when it was applied', () => {
  const written = [withState(started, 'pending', 'waits', now), withEnd(started, { State: 'orphaned', Message: 'lost' }, now), withWait(started, 'why', now)];
  expect(written.map((task) => task?.Status.Shoal?.AppliedAt)).toEqual([now, now, now]);
});

test('an end keeps what is known of the container, a step forward forgets it', () => {
  expect(withEnd(started, { State: 'rejected', Message: 'taken off' }, now).Status.ContainerStatus?.ContainerID).toBe('c1');
  expect(withState(started, 'assigned', 'given', now).Status.ContainerStatus).toBeUndefined();
});

test('a reason that stands already is not written again', () => {
  const waiting = withWait(started, 'no node', now);
  expect(waiting && withWait(waiting, 'no node', now + 1)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { Progress } from '#raft/progress';

function replicating(messages: number): Progress {
  const progress = new Progress(1, { messages, bytes: 1000 });
  progress.becomeReplicate();
  return progress;
}

test('a probing member gets one append and waits', () => {
  const progress = new Progress(5, { messages: 10, bytes: 1000 });
  expect(progress.isPaused).toBe(false);
  progress.sent(1, 5, 10);
  expect([progress.isPaused, progress.next]).toEqual([true, 5]);
});

test('a replicating member gets appends ahead of answers until its window is full', () => {
  const progress = replicating(2);
  progress.sent(1, 1, 10);
  expect([progress.isPaused, progress.next]).toEqual([false, 2]);
  progress.sent(2, 3, 10);
  expect([progress.isPaused, progress.next]).toEqual([true, 4]);
  progress.acknowledge(1);
  progress.free(1);
  expect([progress.isPaused, progress.match]).toEqual([false, 1]);
});

test('an answer in the middle of an append frees nothing of the window', () => {
  const progress = replicating(2);
  progress.sent(2, 2, 10);
  progress.sent(1, 3, 10);
  progress.acknowledge(1);
  progress.free(1);
  expect(progress.windowFull).toBe(true);
  progress.acknowledge(2);
  progress.free(2);
  expect(progress.windowFull).toBe(false);
});

test('bytes fill a window as well', () => {
  const progress = replicating(100);
  progress.sent(1, 1, 1000);
  expect(progress.isPaused).toBe(true);
});

test('a lost window is found by an empty append per heartbeat, whose rejection starts a probe', () => {
  const progress = replicating(1);
  progress.sent(1, 1, 10);
  progress.paused = false;
  progress.sent(0, 1, 0);
  expect(progress.isPaused).toBe(true);
  expect(progress.rejected(1, 0)).toBe(true);
  expect([progress.state, progress.next]).toEqual(['probe', 1]);
});

test('stale rejections change nothing', () => {
  const progress = replicating(10);
  progress.acknowledge(5);
  expect(progress.rejected(5, 0)).toBe(false);
  progress.becomeProbe();
  expect(progress.rejected(3, 0)).toBe(false);
  expect(progress.next).toBe(6);
});

test('after a snapshot the member goes on behind it, or behind what it has when that failed', () => {
  const progress = new Progress(1, { messages: 1, bytes: 1 });
  progress.becomeSnapshot(9);
  expect(progress.isPaused).toBe(true);
  progress.becomeProbe();
  expect([progress.next, progress.isPaused]).toEqual([10, false]);
});

/** The node's line to its dispatcher, when that is too busy to answer. */
import { expect, test } from 'vitest';
import { runSessions } from '#agent/session-loop';
import type { DispatcherSession } from '#model/object/assignment';
import { testDescription } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

test('a beat that is not answered ends the session, and the next one waits longer for its own, until some are answered', async () => {
  const clock = new VirtualClock();
  const began = clock.monotonicNow();
  const lasted: number[] = [];
  let answersUntil = began;
  const session = (): DispatcherSession => {
    const openedAt = clock.monotonicNow();
    const never = new Promise<never>(() => {});
    const heartbeat = (): Promise<number> => (clock.monotonicNow() < answersUntil ? Promise.resolve(1000) : never);
    const close = (): void => void lasted.push(clock.monotonicNow() - openedAt);
    return { assignments: () => ({ [Symbol.asyncIterator]: () => ({ next: () => never }) }), heartbeat, close } as unknown as DispatcherSession;
  };
  const ending = new AbortController();
  const random = { next: () => 0, bytes: () => new Uint8Array(), split: () => random };
  const calls = {
    ready: Promise.resolve(),
    able: async () => undefined,
    opened: () => undefined,
    assigned: () => undefined,
    heard: () => undefined,
    unable: () => undefined,
    closed: () => undefined,
    failed: () => undefined,
  };
  const modules = { openSession: async () => session(), describe: async () => testDescription, clock, random, logger: silentLogger };
  const over = runSessions('n', modules, calls, ending.signal);
  await clock.advance(5000 + 10_000 + 20_000 + 20_000);
  expect(lasted).toEqual([5000, 10_000, 20_000, 20_000]);
  answersUntil = clock.monotonicNow() + 70_000;
  await clock.advance(70_000 + 5000 + 10_000);
  // The first of these was begun without an answer.
  expect(lasted.slice(4)).toEqual([20_000, 55_000, 10_000]);
  ending.abort();
  await over;
});

test('no session is opened before the node can run what it brings', async () => {
  const clock = new VirtualClock();
  const began = clock.monotonicNow();
  const opened: number[] = [];
  const ending = new AbortController();
  let ready = (): void => undefined;
  const able = async () => undefined;
  const calls = {
    able,
    opened: () => undefined,
    assigned: () => undefined,
    heard: () => undefined,
    unable: () => undefined,
    closed: () => undefined,
    failed: () => undefined,
  };
  const random = { next: () => 0, bytes: () => new Uint8Array(), split: () => random };
  const openSession = (): Promise<never> => {
    opened.push(clock.monotonicNow());
    return new Promise(() => {});
  };
  const modules = { openSession, describe: async () => testDescription, clock, random, logger: silentLogger };
  const over = runSessions('n', modules, { ...calls, ready: new Promise<void>((resolve) => (ready = resolve)) }, ending.signal);
  await clock.advance(20_000);
  expect(opened).toEqual([]);
  ready();
  await clock.advance(0);
  expect(opened).toEqual([began + 20_000]);
  ending.abort();
  await over;
});

test('the session of a node that can run nothing ends with its next beat', async () => {
  const clock = new VirtualClock();
  const began = clock.monotonicNow();
  const lasted: number[] = [];
  const session = (): DispatcherSession => {
    const openedAt = clock.monotonicNow();
    const next = () => new Promise<never>(() => {});
    const close = (): void => void lasted.push(clock.monotonicNow() - openedAt);
    return { assignments: () => ({ [Symbol.asyncIterator]: () => ({ next }) }), heartbeat: async () => 1000, close } as unknown as DispatcherSession;
  };
  const ending = new AbortController();
  const random = { next: () => 1, bytes: () => new Uint8Array(), split: () => random };
  const failures: string[] = [];
  const calls = {
    ready: Promise.resolve(),
    able: async () => undefined,
    opened: () => undefined,
    assigned: () => undefined,
    heard: () => undefined,
    unable: () => (clock.monotonicNow() - began >= 4500 ? 'no engine' : undefined),
    closed: () => undefined,
    failed: (error: unknown) => void failures.push((error as Error).message),
  };
  const describe = async () => {
    if (calls.unable()) throw new Error('it cannot say what it is');
    return testDescription;
  };
  const over = runSessions('n', { openSession: async () => session(), describe, clock, random, logger: silentLogger }, calls, ending.signal);
  await clock.advance(5000);
  expect([lasted, failures[0]]).toEqual([[5000], 'no engine']);
  ending.abort();
  await over;
});

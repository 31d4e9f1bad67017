import { expect, test } from 'vitest';
import { StatusReporter } from '#agent/status-reporter';
import { Refusal } from '#base/refusal';
import type { DispatcherSession, TaskStatusUpdate } from '#model/object/assignment';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const status = { Timestamp: '2026-01-01T00:00:00Z', State: 'failed', Message: 'm' } as const;

function setUp(refuse: () => Refusal | undefined) {
  const clock = new VirtualClock();
  const calls: (readonly TaskStatusUpdate[])[] = [];
  let closed = 0;
  const session = {
    updateTaskStatus: async (updates: readonly TaskStatusUpdate[]) => {
      const refusal = refuse();
      if (refusal) throw refusal;
      calls.push(updates);
    },
    close: () => void closed++,
  } as unknown as DispatcherSession;
  const reporter = new StatusReporter(clock, silentLogger);
  reporter.use(session);
  return { clock, calls, reporter, closed: () => closed };
}

test('a manager that is busy is told again later, and the session stays', async () => {
  let busy = true;
  const { clock, calls, reporter, closed } = setUp(() => (busy ? new Refusal('unavailable', 'the manager is busy', { reason: 'busy' }) : undefined));
  reporter.report('t', status);
  await clock.advance(900);
  expect([calls.length, closed()]).toEqual([0, 0]);
  busy = false;
  await clock.advance(1100);
  expect([calls.flat().map(({ taskId }) => taskId), closed()]).toEqual([['t'], 0]);
});

test('any other failure ends the session', async () => {
  const { clock, reporter, closed } = setUp(() => new Refusal('unavailable', 'it does not answer'));
  reporter.report('t', status);
  await clock.advance(900);
  expect(closed()).toBe(1);
});

test('a call brings so much text only', async () => {
  const { clock, calls, reporter } = setUp(() => undefined);
  for (let n = 0; n < 500; n++) reporter.report(`t${n}`, { ...status, Err: 'x'.repeat(8000) });
  await clock.advance(5000);
  expect(calls.flat()).toHaveLength(500);
  for (const updates of calls) expect(JSON.stringify(updates).length).toBeLessThan(1.1 * 1024 * 1024);
});

test('what is longer than managers keep is cut here, in bytes: nothing is refused for its length again and again', async () => {
  const { clock, calls, reporter } = setUp(() => undefined);
  const long = '\u0001'.repeat(9000);
  const Ports = Array.from({ length: 9000 }, (_, at) => ({ Protocol: 'tcp', TargetPort: at, PublishedPort: at, PublishMode: 'host' }) as const);
  for (let n = 0; n < 200; n++) reporter.report(`t${n}`, { ...status, Message: long, Err: long, PortStatus: { Ports } });
  await clock.advance(5000);
  expect(calls.flat()).toHaveLength(200);
  for (const updates of calls) expect(Buffer.byteLength(JSON.stringify(updates))).toBeLessThan(1.1 * 1024 * 1024);
  expect(calls[0]?.[0]?.status).toEqual({ ...status, Message: `${'\u0001'.repeat(8000)} …`, Err: `${'\u0001'.repeat(8000)} …` });
});

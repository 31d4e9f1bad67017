import { expect, test } from 'vitest';
import type { ObservedContainer } from '#task/step';
import { Attachments } from '#agent/attachments';
import type { TaskAttachment } from '#network/contract';
import { RecordingNetwork } from '../../support/recording-network.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

function container(pid: number): ObservedContainer {
  const networks = [{ networkId: 'net1', address: '10.0.1.5', macAddress: '02:42:0a:00:01:05' }];
  return { containerId: 'c1', taskId: 't1', serviceId: 's1', state: 'running', pid, exitCode: 0, oomKilled: false, networks, ports: [] };
}

function started(pending: { until?: Promise<void>; reason?: string; goesOn?: boolean } = {}) {
  const network = new RecordingNetwork();
  const clock = new VirtualClock();
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const changed: string[] = [];
  const told: TaskAttachment[] = [];
  const attached = (attachment: TaskAttachment) => {
    told.push(attachment);
    return new Promise<void>((resolve, reject) => answers.push({ resolve, reject }));
  };
  const modules = { network: Object.assign(Object.create(network) as RecordingNetwork, { attached }), clock, logger: silentLogger };
  const calls = {
    upToDate: () => pending.until,
    whyNot: () => pending.reason,
    goesOn: () => pending.goesOn ?? false,
    changed: (id: string) => void changed.push(id),
  };
  const attachments = new Attachments(modules, calls, new AbortController().signal);
  const seen = (pid: number): void => attachments.seen(new Map([['t1', container(pid)]]), ['t1']);
  return { attachments, answers, changed, told, seen, clock };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a task waits until its container’s network is ready, and once only', async () => {
  const { attachments, answers, changed, seen } = started();
  expect(attachments.waits('t1')).toBeUndefined();
  seen(1);
  seen(1);
  expect(answers).toHaveLength(1);
  expect(attachments.waits('t1')).toEqual({});
  answers[0]?.resolve();
  await turn();
  expect(attachments.waits('t1')).toBeUndefined();
  expect(changed).toEqual(['t1']);
});

test('what an earlier container got does not make a later one ready', async () => {
  const { attachments, answers, changed, seen } = started();
  seen(1);
  seen(2);
  answers[0]?.resolve();
  await turn();
  expect(attachments.waits('t1')).toEqual({});
  answers[1]?.resolve();
  await turn();
  expect(changed).toEqual(['t1']);
});

test('a task whose container could not answer its clients does not run, and it is tried again until it can', async () => {
  const { attachments, answers, changed, seen, clock } = started();
  seen(1);
  answers[0]?.reject(new Error('no such table'));
  await turn();
  expect(attachments.waits('t1')).toEqual({ reason: 'its node’s network is not ready: no such table' });
  expect(changed).toEqual(['t1']);
  await clock.advance(1000);
  await turn();
  expect(answers).toHaveLength(2);
  answers[1]?.resolve();
  await turn();
  expect(attachments.waits('t1')).toBeUndefined();
});

test('a container that was made ready by what held before is made so again by what the managers have said meanwhile', async () => {
  let arrive = () => {};
  const { attachments, answers, seen } = started({ until: new Promise((resolve) => (arrive = resolve)) });
  seen(1);
  answers[0]?.resolve();
  await turn();
  expect([attachments.waits('t1'), answers.length]).toEqual([{}, 1]);
  arrive();
  await turn();
  expect([attachments.waits('t1'), answers.length]).toEqual([{}, 2]);
  answers[1]?.resolve();
  await turn();
  expect(attachments.waits('t1')).toBeUndefined();
});

test('what cannot be brought in force on the node at all keeps no task from running for ever', async () => {
  const { attachments, answers, seen, clock } = started({ until: new Promise(() => {}), reason: 'File exists' });
  seen(1);
  answers[0]?.resolve();
  await turn();
  await clock.advance(9000);
  await turn();
  expect([attachments.waits('t1'), answers.length]).toEqual([{ reason: 'its node’s network is not ready: File exists' }, 1]);
  await clock.advance(1000);
  await turn();
  answers[1]?.resolve();
  await turn();
  expect([attachments.waits('t1'), clock.running]).toEqual([undefined, 0]);
});

test('a task with name servers of its own is told of as one whose engine goes on to them', () => {
  const own = started({ goesOn: true });
  own.seen(7);
  const usual = started();
  usual.seen(7);
  expect([own.told, usual.told].map(([attachment]) => attachment?.goesOn)).toEqual([true, undefined]);
});

import { expect, test } from 'vitest';
import type { ObservedContainer } from '#task/step';
import { Attachments } from '#agent/attachments';
import { RecordingNetwork } from '../../support/recording-network.ts';
import { silentLogger } from '../../support/silent-logger.ts';

function container(pid: number): ObservedContainer {
  const networks = [{ networkId: 'net1', address: '10.0.1.5', macAddress: '02:42:0a:00:01:05' }];
  return { containerId: 'c1', taskId: 't1', serviceId: 's1', state: 'running', pid, exitCode: 0, oomKilled: false, networks, ports: [] };
}

function started() {
  const network = new RecordingNetwork();
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const settled: string[] = [];
  const attached = () => new Promise<void>((resolve, reject) => answers.push({ resolve, reject }));
  const attachments = new Attachments({ network: Object.assign(Object.create(network) as RecordingNetwork, { attached }), logger: silentLogger }, (id) =>
    settled.push(id),
  );
  const seen = (pid: number): void => attachments.seen(new Map([['t1', container(pid)]]), ['t1']);
  return { attachments, answers, settled, seen };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a task waits until its container’s network is ready, and once only', async () => {
  const { attachments, answers, settled, seen } = started();
  expect(attachments.waits('t1')).toBe(false);
  seen(1);
  seen(1);
  expect(answers).toHaveLength(1);
  expect(attachments.waits('t1')).toBe(true);
  answers[0]?.resolve();
  await turn();
  expect(attachments.waits('t1')).toBe(false);
  expect(settled).toEqual(['t1']);
});

test('what an earlier container got does not make a later one ready', async () => {
  const { attachments, answers, settled, seen } = started();
  seen(1);
  seen(2);
  answers[0]?.resolve();
  await turn();
  expect(attachments.waits('t1')).toBe(true);
  answers[1]?.resolve();
  await turn();
  expect(settled).toEqual(['t1']);
});

test('a network that cannot be made ready keeps no task from running, and is tried again', async () => {
  const { attachments, answers, seen } = started();
  seen(1);
  answers[0]?.reject(new Error('no such process'));
  await turn();
  expect(attachments.waits('t1')).toBe(false);
  seen(1);
  expect(answers).toHaveLength(2);
});

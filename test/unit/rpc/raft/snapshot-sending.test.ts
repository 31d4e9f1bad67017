/** What a manager that lives long keeps of the snapshots that it has sent. */
import { EventEmitter, getEventListeners } from 'node:events';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { type SnapshotCall, SnapshotSending } from '#rpc/raft/snapshot-sending';

const message = {
  type: 'installSnapshot',
  from: 'a',
  to: 'b',
  term: 1,
  meta: { index: 7, term: 1, configuration: { voters: ['a', 'b'], learners: [], addresses: {} } },
} as never;

/** A call that the other end breaks off as soon as it is spoken to. */
function brokenCall(): SnapshotCall {
  const call = new EventEmitter();
  const write = () => {
    setImmediate(() => call.emit('error', Object.assign(new Error('broken'), { code: status.UNAVAILABLE })));
    return true;
  };
  return Object.assign(call, { write, cancel: () => undefined }) as unknown as SnapshotCall;
}

test('nothing of an attempt, however many there were', async () => {
  const life = new AbortController();
  let calls = 0;
  const open = () => {
    calls++;
    return { call: brokenCall(), close: () => undefined };
  };
  const none = async function* (): AsyncGenerator<Uint8Array> {};
  const sending = new SnapshotSending(message, none(), { transfer: 't', open, jitter: () => -0.5, signal: life.signal });
  expect(await sending.run()).toBe(false);
  expect([calls, getEventListeners(life.signal, 'abort').length]).toEqual([6, 0]);
});

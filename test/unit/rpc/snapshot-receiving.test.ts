import { expect, test } from 'vitest';
import { encode } from '#base/codec';
import { Refusal } from '#base/refusal';
import type { Receiver } from '#raft/transport';
import type { SnapshotFrame } from '#rpc/generated/shoal/v1/raft';
import { SnapshotReceiving, type ReceivingCall } from '#rpc/raft/snapshot-receiving';
import { VirtualClock } from '#test/support/virtual-clock';

const begin = { transfer: 't', term: 1, index: 4, snapshotTerm: 1, configuration: encode({ voters: ['a'], learners: [] }) };
const piece = (bytes: number): SnapshotFrame => ({ frame: { $case: 'piece', value: Buffer.alloc(bytes, 1) } });
const call = { write: () => true, end: () => undefined, emit: () => true } as unknown as ReceivingCall;

/** Reads one piece, and the next ones when `goOn` is called. */
function slowReceiver() {
  let goOn = (): void => {};
  const read: number[] = [];
  const receiver = {
    async snapshot(_from: string, _message: unknown, pieces: AsyncIterable<Uint8Array>) {
      for await (const { length } of pieces) {
        read.push(length);
        await new Promise<void>((resolve) => (goOn = resolve));
      }
    },
  } as unknown as Receiver;
  return { receiver, read, goOn: () => goOn() };
}

test('of a snapshot that is given up nothing is kept, and nothing more is taken', async () => {
  const { receiver, read, goOn } = slowReceiver();
  const receiving = new SnapshotReceiving(begin, new VirtualClock());
  receiving.take(call);
  const stored = receiving.store({ from: 'a', to: 'b' }, begin, receiver);
  for (const bytes of [10, 20, 30]) receiving.add(call, piece(bytes));
  await expect.poll(() => read).toEqual([10]);
  receiving.give(new Refusal('unavailable', 'another snapshot was begun'));
  receiving.add(call, piece(40));
  expect(receiving.underWay).toBe(true);
  goOn();
  await stored;
  expect([read, receiving.underWay]).toEqual([[10], false]);
});

test('more than a sender may have under way is refused, and pieces of nothing', () => {
  const receiving = new SnapshotReceiving(begin, new VirtualClock());
  receiving.take(call);
  expect(() => receiving.add(call, piece(0))).toThrow('this is no piece of a snapshot');
  for (let at = 0; at < 16; at++) receiving.add(call, piece(1024 * 1024));
  expect(() => receiving.add(call, piece(1))).toThrow('more bytes are under way than agreed');
});

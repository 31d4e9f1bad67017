import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { NodeCalls } from '#rpc/admission/node-calls';

const mib = 1024 * 1024;
const never = (): never => {
  throw new Error('it was cut');
};

test('of messages that have not come whole a node has so many bytes under way; others have theirs', () => {
  const calls = new NodeCalls();
  const enter = (nodeId = 'n', bytes = 4 * mib): EventEmitter => {
    const call = new EventEmitter();
    calls.enter(nodeId, bytes, call, never);
    return call;
  };
  const all = Array.from({ length: 8 }, () => enter());
  expect(() => enter('n', 1)).toThrow('node n has too many calls under way: try again in a moment');
  enter('other').emit('close');
  all[0]?.emit('end');
  enter().emit('close');
  all[0]?.emit('close');
  expect(() => enter('n', 4 * mib + 1)).toThrow('too many calls');
  for (const call of all) call.emit('close');
});

test('a node has so many calls at a time, those with many messages among them', () => {
  const calls = new NodeCalls();
  const all = Array.from({ length: 1024 }, () => {
    const call = new EventEmitter();
    calls.enter('n', undefined, call, never);
    return call;
  });
  expect(() => calls.enter('n', undefined, new EventEmitter(), never)).toThrow('too many calls');
  all[0]?.emit('end');
  expect(() => calls.enter('n', undefined, new EventEmitter(), never)).toThrow('too many calls');
  all[0]?.emit('close');
  calls.enter('n', undefined, new EventEmitter(), never);
});

test('a message that takes too long ends its call, and one that is whole does not, however long its answer takes', async () => {
  const calls = new NodeCalls(1);
  const cut: string[] = [];
  const whole = new EventEmitter();
  calls.enter('n', 1, whole, () => cut.push('whole'));
  whole.emit('end');
  await new Promise<void>((resolve) => calls.enter('n', 1, new EventEmitter(), resolve));
  expect(cut).toEqual([]);
});

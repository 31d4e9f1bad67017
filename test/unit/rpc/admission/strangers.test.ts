import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { until } from '../../../support/machine.mjs';
import { Strangers } from '#rpc/admission/strangers';

test('those without a certificate find so many places, and an address does not take those of all', () => {
  const strangers = new Strangers();
  const calls: EventEmitter[] = [];
  const enter = (address: string): EventEmitter => {
    const call = new EventEmitter();
    strangers.enter(address, call, () => undefined);
    calls.push(call);
    return call;
  };
  for (let at = 0; at < 64; at++) enter('10.0.0.1');
  expect(() => enter('10.0.0.1')).toThrow('try again in a moment');
  const other = enter('10.0.0.2');
  // Another one's end is no place of theirs.
  other.emit('close');
  expect(() => enter('10.0.0.1')).toThrow('try again');
  calls[0]?.emit('close');
  calls[0]?.emit('close');
  enter('10.0.0.1');
  expect(() => enter('10.0.0.1')).toThrow('try again');
  for (let host = 3; host < 10; host++) for (let at = 0; at < 64; at++) enter(`10.0.0.${host}`);
  expect(() => enter('10.0.0.99')).toThrow('try again');
  for (const call of calls.splice(0)) call.emit('close');
  for (let at = 0; at < 64; at++) enter('10.0.0.1');
  for (const call of calls) call.emit('close');
});

test('whoever takes too long is cut off, and has no place any more, whether he goes or not', async () => {
  const strangers = new Strangers(1);
  let cut = 0;
  for (let at = 0; at < 64; at++) strangers.enter('10.0.0.1', new EventEmitter(), () => cut++);
  await until(
    () => cut === 64,
    30_000,
    () => `${cut} of 64 were cut off`,
  );
  strangers.enter('10.0.0.1', new EventEmitter(), () => undefined);
});

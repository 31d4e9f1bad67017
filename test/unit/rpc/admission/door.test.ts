import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Door, longestQueue } from '#rpc/admission/door';

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
let ports = 0;
const connection = (): Socket => Object.assign(new PassThrough(), { remoteAddress: '10.0.0.1', remotePort: ++ports }) as unknown as Socket;

test('of those who come at once one is let in with each turn, and who has gone meanwhile is not', async () => {
  const entered: Socket[] = [];
  const door = new Door((each) => void entered.push(each));
  const [first, second, third, fourth] = [connection(), connection(), connection(), connection()];
  for (const each of [first, second, third, fourth]) door.take(each);
  expect(entered).toEqual([first]);
  second.destroy(new Error('it hung up'));
  await nextTurn();
  expect(entered).toEqual([first, third]);
  await nextTurn();
  expect(entered).toEqual([first, third, fourth]);
  await nextTurn();
  const later = connection();
  door.take(later);
  expect(entered.at(-1)).toBe(later);
});

test('so many wait and no more; a door that is closed lets nobody in', async () => {
  const entered: Socket[] = [];
  const door = new Door((each) => void entered.push(each));
  const all = Array.from({ length: longestQueue + 2 }, connection);
  for (const each of all) door.take(each);
  expect(all.filter(({ destroyed }) => destroyed)).toEqual(all.slice(-1));
  door.close();
  await nextTurn();
  expect(entered).toEqual(all.slice(0, 1));
  expect(all.slice(1).every(({ destroyed }) => destroyed)).toBe(true);
});

test('who does not show that he is a node does not stay', async () => {
  const door = new Door(() => undefined, 1);
  const [node, stranger] = [connection(), connection()];
  door.take(node);
  door.known({ remoteAddress: '10.0.0.1', remotePort: node.remotePort ?? 0 });
  door.take(stranger);
  await new Promise<void>((resolve) => stranger.once('close', resolve));
  expect([node.destroyed, stranger.destroyed]).toEqual([false, true]);
});

test('of strangers the oldest goes when there are too many', async () => {
  const door = new Door(() => undefined);
  const all = Array.from({ length: 2050 }, connection);
  for (const each of all) {
    door.take(each);
    await nextTurn();
  }
  expect(all.map(({ destroyed }) => destroyed)).toEqual(all.map((_, at) => at < 2));
});

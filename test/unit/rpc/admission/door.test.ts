import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Door } from '#rpc/admission/door';

let ports = 0;
const connection = (): Socket => Object.assign(new PassThrough(), { remoteAddress: '10.0.0.1', remotePort: ++ports }) as unknown as Socket;

test('who does not show that he is a node does not stay', async () => {
  const door = new Door(() => undefined, 1);
  const [node, stranger] = [connection(), connection()];
  door.take(node);
  door.known({ remoteAddress: '10.0.0.1', remotePort: node.remotePort ?? 0 });
  door.take(stranger);
  await new Promise<void>((resolve) => stranger.once('close', resolve));
  expect([node.destroyed, stranger.destroyed]).toEqual([false, true]);
});

test('of strangers the oldest goes when there are too many', () => {
  const door = new Door(() => undefined);
  const all = Array.from({ length: 2050 }, connection);
  for (const each of all) door.take(each);
  expect(all.map(({ destroyed }) => destroyed)).toEqual(all.map((_, at) => at < 2));
});

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Door } from '#rpc/admission/door';

let ports = 0;
const connection = (remoteAddress = '10.0.0.1'): Socket => Object.assign(new PassThrough(), { remoteAddress, remotePort: ++ports }) as unknown as Socket;

test('who does not show that he is a node does not stay', async () => {
  const door = new Door(() => undefined, undefined, 1);
  const [node, stranger] = [connection(), connection()];
  door.take(node);
  door.known({ remoteAddress: '10.0.0.1', remotePort: node.remotePort ?? 0 });
  door.take(stranger);
  await new Promise<void>((resolve) => stranger.once('close', resolve));
  expect([node.destroyed, stranger.destroyed]).toEqual([false, true]);
});

test.skipIf(Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8')) < 1024)('as many as come while nobody looks are connected all the same', async () => {
  const door = new Door(() => undefined);
  const port = await door.listen('127.0.0.1:0');
  // One that looks at nothing else until all have connected, so that this process takes none in between.
  const flood = `const net = require('net'); let left = 700; for (let n = 0; n < 700; n++) net.connect(${port}, '127.0.0.1').once('connect', () => --left || process.exit());`;
  const { status, signal } = spawnSync(process.execPath, ['-e', flood], { timeout: 20_000 });
  expect([status, signal]).toEqual([0, null]);
  door.close();
});

test('of strangers the oldest goes when there are too many', () => {
  const door = new Door(() => undefined);
  const all = Array.from({ length: 2050 }, () => connection());
  for (const each of all) door.take(each);
  expect(all.map(({ destroyed }) => destroyed)).toEqual(all.map((_, at) => at < 2));
});

test('whoever opens more connections than all others together keeps none of them out', () => {
  const door = new Door(() => undefined);
  const [older, known] = [connection('10.0.0.2'), connection()];
  for (const each of [older, known]) door.take(each);
  door.known(known);
  // All addresses of a network of version 6 are one host's.
  const flood = Array.from({ length: 3000 }, (_, n) => connection(`2001:db8::${n.toString(16)}`));
  const newer = flood.map((each, n) => {
    door.take(each);
    const comes = n % 1000 === 0 ? connection(`::ffff:10.0.1.${n / 1000}`) : undefined;
    if (comes) door.take(comes);
    return comes;
  });
  expect([older, known, ...newer].filter((each) => each?.destroyed)).toEqual([]);
  expect(flood.filter(({ destroyed }) => !destroyed).length).toBe(2048 - 4);
});

test('who says nothing takes nobody’s turn; managers wait behind nobody, and nodes behind no stranger', async () => {
  const begun: string[] = [];
  const kinds = { '10.0.0.8': 'node', '10.0.0.9': 'manager' } as const;
  const door = new Door(
    ({ remoteAddress = '' }) => void begun.push(remoteAddress),
    (address) => kinds[address as keyof typeof kinds] ?? 'stranger',
  );
  const come = async (address: string, word?: string): Promise<void> => {
    const one = connection(address);
    door.take(one);
    if (word === undefined) return;
    const heard = new Promise((resolve) => one.once('readable', resolve));
    one.push(word);
    await heard;
  };
  for (let n = 0; n < 50; n++) await come(`10.0.1.${n}`);
  for (let n = 0; n < 7; n++) await come(`10.0.2.${n}`, 'hello');
  expect(begun).toEqual(['10.0.2.0', '10.0.2.1', '10.0.2.2', '10.0.2.3', '10.0.2.4']);
  await come('10.0.0.8', 'hello');
  await come('::ffff:10.0.0.9');
  expect(begun.slice(5)).toEqual(['10.0.0.8', '::ffff:10.0.0.9']);
});

test('a stranger who resets his connection while he waits ends nothing', () => {
  const door = new Door(() => undefined);
  const gone = connection();
  door.take(gone);
  gone.emit('error', new Error('read ECONNRESET'));
  expect(gone.destroyed).toBe(true);
});

/** Queries that come over one connection, many in one piece. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Answerer, DnsServer } from '#resolver/dns/dns-server';
import { writeFrame } from '#resolver/dns/dns-frame';

/** Both ways need the same number: another is tried where one of them is taken. */
async function listening(answer: Answerer): Promise<DnsServer> {
  for (;;) {
    const address = '127.0.0.1';
    const probe = createServer().listen(0, address);
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    try {
      return await DnsServer.open({ address, port }, answer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function open(replyBytes: number) {
  let [answering, most, turn, mostInTurn] = [0, 0, 0, 0];
  let handled = 0;
  const answer: Answerer = async (message) => {
    handled++;
    most = Math.max(most, ++answering);
    if (++turn === 1) setImmediate(() => (turn = 0));
    mostInTurn = Math.max(mostInTurn, turn);
    await new Promise((resolve) => setImmediate(resolve));
    answering--;
    const reply = Buffer.alloc(replyBytes);
    reply.set(message.subarray(0, 2));
    return reply;
  };
  const server = await listening(answer);
  onTestFinished(() => server.close());
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return { socket, seen: () => ({ handled, most, mostInTurn }) };
}

const queries = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, (_, at) => writeFrame(Buffer.from([at >> 8, at & 255, 1, 2, 3]))));

test('all that come in one piece are answered, in their order and one at a time', async () => {
  const { socket, seen } = await open(100);
  socket.write(queries(600));
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (bytes.length === 600 * 102) break;
  }
  const ids = Array.from({ length: 600 }, (_, at) => bytes.readUInt16BE(at * 102 + 2));
  expect(ids).toEqual(Array.from({ length: 600 }, (_, at) => at));
  expect(seen()).toEqual({ handled: 600, most: 1, mostInTurn: 1 });
});

test('who does not read his answers is asked nothing more', async () => {
  const { socket, seen } = await open(60_000);
  socket.pause();
  socket.write(queries(2000));
  let before = -1;
  // What fits into the kernel's buffers is answered, and then nothing more.
  while (seen().handled !== before) {
    before = seen().handled;
    for (let turns = 0; turns < 500; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(before).toBeLessThan(500);
});

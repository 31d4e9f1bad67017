import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linger } from '#api/request/linger';
import { VirtualClock } from '#test/support/virtual-clock';

const clock = new VirtualClock();
let server: Server;

beforeEach(async () => {
  server = createServer((request, response) => {
    linger(request, clock);
    response.writeHead(400).end('no');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => server.close());

const open = () => {
  const { port } = server.address() as AddressInfo;
  const call = httpRequest({ host: '127.0.0.1', port, method: 'POST', agent: false });
  call.on('error', () => undefined);
  return call;
};

test('an answer before the end of a large body reaches whoever writes on', async () => {
  const call = open();
  call.end(Buffer.alloc(32 * 1024 * 1024));
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(400);
});

test('whoever never comes to an end is cut off after a while', async () => {
  const call = open();
  call.write('x');
  await once(call, 'response');
  const closed = new Promise((resolve) => call.once('close', resolve));
  await clock.advance(5_000);
  await closed;
});

test('nor is more than a body may have read of anybody', async () => {
  const call = open();
  const closed = new Promise((resolve) => call.once('close', resolve));
  const piece = Buffer.alloc(1024 * 1024);
  let pieces = 0;
  const more = (): void => {
    while (!call.destroyed && call.write(piece)) pieces++;
  };
  call.on('drain', more);
  more();
  await closed;
  expect(pieces).toBeLessThan(1024);
});

/** Requests that nobody sane sends to the daemon's socket. */
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { integerBetween, type Random } from '#base/random';

const heads: readonly string[] = [
  'GET /v1.41/%73warm HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /v1.41/%73warm/leave HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
  'POST //swarm/init HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
  'GET /services?filters={"label":{"a":[1]}} HTTP/1.1\r\n\r\n',
  'POST /services/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST /services/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"Name":',
  'GET / HTTP/9.9\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001',
  `GET /${'a/'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET /info HTTP/1.1\r\nHost: x\r\n${'X-Long: y\r\n'.repeat(3000)}\r\n`,
  'GET /containers/none/attach?stream=1 HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n',
  'POST /session HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
];

const bodies: readonly string[] = [
  '[',
  `${'['.repeat(50_000)}`,
  '{"Name":"x","TaskTemplate":{"ContainerSpec":{"Image":"a:b:c"}}}',
  '{"Name":"x","TaskTemplate":{"ContainerSpec":{"Image":"a"}},"Mode":{"Replicated":{"Replicas":1e20}}}',
  '{"Name":"x","TaskTemplate":{"ContainerSpec":{"Image":"a"}},"Mode":{"Replicated":{"Replicas":-1}}}',
  '{"__proto__":{"x":1},"constructor":{"prototype":{}}}',
  `{"Name":"x","Data":"${'A'.repeat(2_000_000)}"}`,
  'null',
  '"\\ud800"',
];

const routes: readonly string[] = [
  '/services/create',
  '/secrets/create',
  '/configs/create',
  '/shoal/v1/repositories',
  '/swarm/update?version=0',
  '/shoal/v1/stacks/x',
];

/** One hostile act, over when its connection is. */
export async function beHostile(socketPath: string, random: Random): Promise<void> {
  const kind = integerBetween(random, 0, 2);
  if (kind === 0) return rawly(socketPath, pick(heads, random), integerBetween(random, 0, 3000));
  if (kind === 1) return badBody(socketPath, pick(routes, random), pick(bodies, random));
  return unread(socketPath, integerBetween(random, 0, 5000));
}

export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[integerBetween(random, 0, items.length - 1)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Bytes, and a connection that is left open for a while. */
function rawly(path: string, bytes: string, heldMs: number): Promise<void> {
  return held(path, heldMs, (socket) => socket.write(bytes, 'latin1'));
}

/** An answer that is asked for many times and never read. */
function unread(path: string, heldMs: number): Promise<void> {
  return held(path, heldMs, (socket) => {
    socket.pause();
    socket.write('GET /tasks HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50));
  });
}

function held(path: string, heldMs: number, act: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path, () => act(socket));
    const timer = setTimeout(() => socket.destroy(), heldMs);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function badBody(socketPath: string, path: string, body: string): Promise<void> {
  return new Promise((resolve) => {
    const call = request({ socketPath, method: 'POST', path, headers: { 'Content-Type': 'application/json' } }, (response) => {
      response.resume();
      response.on('close', resolve);
    });
    call.on('error', () => resolve());
    call.end(body);
  });
}

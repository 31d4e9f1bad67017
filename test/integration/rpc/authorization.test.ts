/** Who may call what, over real connections: every method that is served, with every kind of certificate. */
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { Client, Metadata, type ChannelCredentials, type ServerDuplexStream, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { certificates } from '#identity/certificates';
import { authorizedMethods, type KeyOwner, type Members } from '#rpc/authorization';
import { clientCredentials, LiveTls, serverCredentials, strangerCredentials } from '#rpc/credentials';
import { callerOf, RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { answerOf, managersOnly, openMethods as open, rpcMethods as methods, rpcServices as services } from '#test/support/rpc-caller';

const roles = new Map<string, 'manager' | 'worker'>([
  ['boss', 'manager'],
  ['hand', 'worker'],
  ['demoted', 'worker'],
]);
let state = true;
let current = true;
const removed = new Set<string>();
/** Nodes by the digest of the key that they are known by. */
const keys = new Map<string, KeyOwner>();
const members: Members = {
  clusterId: () => (state ? 'c1' : undefined),
  roleOf: (id) => roles.get(id),
  current: () => current,
  wasRemoved: (id) => removed.has(id),
  byKey: (digest) => keys.get(digest),
};
const heard: (string | undefined)[] = [];
/** Calls are answered with their beginning alone. */
let holdOpen = false;

let ours: TestAuthority;
let foreign: TestAuthority;
let server: RpcServer;
let own: LiveTls;
let port: number;

/** Every handler says whose call it took, and then fails in a way that only a handler does. */
function recorder(service: ServiceDefinition): Parameters<RpcServer['add']>[1] {
  const handle = (method: ServiceDefinition[string]) => (call: ServerDuplexStream<Buffer, Buffer>, answer: (error: object) => void) => {
    call.on('error', () => undefined);
    if (holdOpen) return call.sendMetadata(new Metadata());
    const through = { code: 11, details: 'handled' };
    heard.push(open.includes(method.path) ? undefined : callerOf(call).nodeId);
    if (method.responseStream) call.emit('error', through as unknown as Error);
    else answer(through);
  };
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, handle(method) as never]));
}

beforeAll(async () => {
  [ours, foreign] = await Promise.all([TestAuthority.begin(), TestAuthority.begin()]);
  own = await ours.node('boss', 'manager');
  server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(own), members, logger: silentLogger });
  for (const service of services) server.add(service, recorder(service));
  port = await server.start();
});
afterAll(() => server.stop());

/** What a call with these credentials is answered: `handled` when it got to its handler. */
async function call(path: string, credentials: ChannelCredentials): Promise<string> {
  const answer = await answerOf(`127.0.0.1:${port}`, path, credentials);
  return answer === '11 handled' ? 'handled' : answer;
}

test('the table has every method that is served, and no other', () => {
  expect([...authorizedMethods].sort()).toEqual(methods.map(({ path }) => path).sort());
});

describe.each(methods.map(({ path }) => path))('%s', (path) => {
  const refused = open.includes(path) ? 'handled' : undefined;

  test('to a manager of the cluster, and to a worker where it may', async () => {
    heard.length = 0;
    expect(await call(path, clientCredentials(await ours.node('boss', 'manager')))).toBe('handled');
    const worker = await call(path, clientCredentials(await ours.node('hand', 'worker')));
    expect(worker).toMatch(managersOnly.includes(path) ? /^7 a worker may not call/ : /^handled$/);
    if (!refused) expect(heard).toEqual(managersOnly.includes(path) ? ['boss'] : ['boss', 'hand']);
  });

  test('to nobody without a certificate, or with one that a foreign root, or nobody any more, vouches for', async () => {
    const past = Date.now() - 30 * 24 * 3_600_000;
    const strangers = [
      strangerCredentials(own.now.roots),
      clientCredentials(new LiveTls({ ...(await foreign.node('boss', 'manager')).now, roots: own.now.roots })),
      clientCredentials(await ours.node('boss', 'manager', past)),
    ];
    for (const stranger of strangers) expect(await call(path, stranger)).toMatch(refused ?? /^16 this needs the certificate/);
  });

  test('to no node that was removed, and to no role that was taken away', async () => {
    expect(await call(path, clientCredentials(await ours.node('gone', 'worker')))).toMatch(refused ?? /^7 (node gone was removed from swarm|a worker may not)/);
    removed.add('gone');
    expect(await call(path, clientCredentials(await ours.node('gone', 'manager')))).toMatch(refused ?? /^7 node gone was removed from swarm/);
    const demoted = await call(path, clientCredentials(await ours.node('demoted', 'manager')));
    expect(demoted).toMatch(managersOnly.includes(path) ? /^7 node demoted is a worker/ : /^handled$/);
  });
});

test('whoever has the key of a node may ask for its next certificate, whatever root or time his is of, and for nothing else', async () => {
  const past = Date.now() - 30 * 24 * 3_600_000;
  const [missed, slept] = [await foreign.node('hand', 'worker'), await ours.node('hand', 'worker', past)];
  const owner = { nodeId: 'hand', role: 'worker', clusterId: 'c1', certifiedUntil: Date.now() + 600_000, readmittedUntil: 0 } as const;
  const over = { ...owner, certifiedUntil: past };
  const digestOf = ({ now }: LiveTls): string => certificates.keyDigest(now.certificate) ?? '';
  const asking = ({ now }: LiveTls) => clientCredentials(new LiveTls({ ...now, roots: own.now.roots }));
  const renew = '/shoal.v1.CaService/Renew';
  keys.set(digestOf(missed), owner);
  keys.set(digestOf(slept), over);
  heard.length = 0;
  expect(await call(renew, asking(missed))).toBe('handled');
  // What he signs himself says what he likes: it counts when the certificate ends that he was given.
  keys.set(digestOf(missed), over);
  expect(await call(renew, asking(missed))).toMatch(/^7 the certificate of node hand has expired/);
  expect(await call(renew, asking(slept))).toMatch(/^7 the certificate of node hand has expired: "shoal node readmit hand" on a manager/);
  keys.set(digestOf(slept), { ...over, readmittedUntil: Date.now() + 600_000 });
  expect(await call(renew, asking(slept))).toBe('handled');
  expect(heard).toEqual(['hand', 'hand']);
  for (const { path } of methods.filter((each) => each.path !== renew && !open.includes(each.path)))
    for (const tls of [missed, slept]) expect(await call(path, asking(tls)), path).toMatch(/^16 this needs the certificate/);
  // A certificate for another key of that node's name proves nothing.
  expect(await call(renew, asking(await foreign.node('hand', 'worker')))).toMatch(/^16 this needs the certificate/);
});

test('a certificate that names another cluster is refused, whoever signed it', async () => {
  const strange = await TestAuthority.begin('c2');
  Object.assign(strange, { authority: ours.authority });
  expect(await call('/shoal.v1.DispatcherService/Heartbeat', clientCredentials(await strange.node('boss', 'manager')))).toBe(
    '7 node boss is of another cluster',
  );
});

test('before a manager has the state of the cluster it judges nobody', async () => {
  state = false;
  try {
    expect(await call('/shoal.v1.DispatcherService/Heartbeat', clientCredentials(await ours.node('hand', 'worker')))).toMatch(
      /^14 this manager does not have the state/,
    );
  } finally {
    state = true;
  }
});

test('a manager that may be behind denies nobody whom it does not know: it may be somebody new', async () => {
  current = false;
  try {
    const stranger = clientCredentials(await ours.node('new', 'worker'));
    expect(await call('/shoal.v1.DispatcherService/Heartbeat', stranger)).toBe('14 node new is not known to this manager yet');
    current = true;
    expect(await call('/shoal.v1.DispatcherService/Heartbeat', stranger)).toBe('7 node new was removed from swarm');
  } finally {
    current = true;
  }
});

test('what a node has open ends when it is cut off, and it is judged anew', async () => {
  const client = new Client(`127.0.0.1:${port}`, clientCredentials(await ours.node('hand', 'worker')));
  const pass = (bytes: Buffer): Buffer => bytes;
  const waiting = client.makeBidiStreamRequest('/shoal.v1.TunnelService/Open', pass, pass);
  const ended = new Promise<ServiceError>((resolve) => waiting.on('error', resolve));
  holdOpen = true;
  try {
    const began = new Promise<void>((resolve) => waiting.on('metadata', () => resolve()));
    waiting.write(Buffer.alloc(0));
    await began;
    server.cut('boss');
    server.cut('nobody');
    roles.delete('hand');
    server.cut('hand');
    expect((await ended).code).toBe(14);
    expect(await call('/shoal.v1.TunnelService/Open', clientCredentials(await ours.node('hand', 'worker')))).toBe('7 node hand was removed from swarm');
  } finally {
    holdOpen = false;
    roles.set('hand', 'worker');
    client.close();
  }
});

test('who may not call is told so before he has said anything, and nobody says more than there is to say', async () => {
  const large = Buffer.alloc(100 * 1024);
  const pass = (bytes: Buffer): Buffer => bytes;
  const answer = async (path: string, credentials: ChannelCredentials, bytes?: Buffer): Promise<number | undefined> => {
    const client = new Client(`127.0.0.1:${port}`, credentials);
    const stream = client.makeClientStreamRequest(path, pass, pass, () => undefined);
    const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve).on('status', (status: ServiceError) => resolve(status)));
    // Without bytes the request stays without its message.
    if (bytes) stream.end(bytes);
    const { code } = await ended;
    client.close();
    return code;
  };
  const stranger = strangerCredentials(own.now.roots);
  expect(await answer('/shoal.v1.DispatcherService/Heartbeat', stranger)).toBe(16);
  expect(await answer('/shoal.v1.RaftService/Entries', clientCredentials(await ours.node('hand', 'worker')))).toBe(7);
  expect(await answer('/shoal.v1.CaService/Join', stranger, large)).toBe(8);
  expect(await answer('/shoal.v1.DispatcherService/Heartbeat', clientCredentials(await ours.node('hand', 'worker')), Buffer.alloc(17 * 1024 * 1024))).toBe(8);
});

test('a caller who is refused, and never ends his side, keeps nothing open', async () => {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const stream = session.request({ ':method': 'POST', ':path': '/shoal.v1.DispatcherService/Heartbeat', 'content-type': 'application/grpc', te: 'trailers' });
  const answered = new Promise<unknown>((resolve) => stream.on('response', (headers) => resolve(headers['grpc-status'])));
  const closed = new Promise<void>((resolve) => stream.on('close', () => resolve()));
  stream.on('error', () => undefined).resume();
  expect(await answered).toBe('16');
  await closed;
  session.destroy();
});

test('what is known of nodes may be all another at once: who may do less is cut off then, too', async () => {
  const client = new Client(`127.0.0.1:${port}`, clientCredentials(await ours.node('hand', 'worker')));
  const pass = (bytes: Buffer): Buffer => bytes;
  const open = () => client.makeBidiStreamRequest('/shoal.v1.TunnelService/Open', pass, pass);
  holdOpen = true;
  try {
    const waiting = open();
    const ended = new Promise<ServiceError>((resolve) => waiting.on('error', resolve));
    const began = new Promise<void>((resolve) => waiting.on('metadata', () => resolve()));
    waiting.write(Buffer.alloc(0));
    await began;
    roles.delete('hand');
    server.judgeAnew();
    expect((await ended).code).toBe(14);
  } finally {
    holdOpen = false;
    roles.set('hand', 'worker');
    client.close();
  }
});

test('a method that nobody serves is not there, whatever the certificate', async () => {
  expect(await call('/shoal.v1.DispatcherService/Everything', clientCredentials(own))).toMatch(/^12 /);
});

test('a node believes no manager but one of its own cluster, and no worker that says that it is one', async () => {
  const wrongRoot = clientCredentials(await foreign.node('hand', 'worker'));
  expect(await call('/shoal.v1.DispatcherService/Heartbeat', wrongRoot)).toMatch(/^14 /);
  const other = clientCredentials(await ours.node('hand', 'worker'), 'another-node');
  expect(await call('/shoal.v1.DispatcherService/Heartbeat', other)).toMatch(/^14 /);
  const worker = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(await ours.node('hand', 'worker')), members, logger: silentLogger });
  for (const service of services) worker.add(service, recorder(service));
  const [real] = [port];
  port = await worker.start();
  expect(await call('/shoal.v1.DispatcherService/Heartbeat', clientCredentials(await ours.node('boss', 'manager')))).toMatch(/^14 /);
  await worker.stop();
  port = real;
});

test('connections speak TLS 1.3 and nothing older', async () => {
  const versions = await Promise.all(
    (['TLSv1.2', 'TLSv1.3'] as const).map(
      (maxVersion) =>
        new Promise<string | null>((resolve) => {
          const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'], minVersion: 'TLSv1.2', maxVersion });
          socket
            .once('secureConnect', () => resolve(socket.getProtocol()))
            .once('error', () => resolve(null))
            .once('close', () => resolve(null));
          socket.once('secureConnect', () => socket.destroy());
        }),
    ),
  );
  expect(versions).toEqual([null, 'TLSv1.3']);
});

test('a renewed certificate is the one that new connections are shown, old roots with it', async () => {
  const renewed = await ours.node('boss', 'manager');
  own.replace(renewed.now);
  const shown = await new Promise<string>((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()?.toString() ?? '')).once('error', reject);
    socket.once('secureConnect', () => socket.destroy());
  });
  expect(shown.trim()).toBe(renewed.now.certificate.trim());
});

/** Joins a client's connection with one of the engine's: one request goes over, and only when the engine agrees to the upgrade both become plain pipes. */
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from '#http/endpoint';
import { HttpError } from '../errors.ts';

export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  /** What the client had sent after the request's head. */
  head: Buffer;
  /** As the engine is to get it. */
  path: string;
}

/** The small JSON that starts an exec, or nothing. */
const bodyLimitBytes = 1024 * 1024;
const answerHeadLimitBytes = 64 * 1024;
const connectTimeoutMs = 10_000;
const answerTimeoutMs = 120_000;
/** After an answer that is no upgrade the engine closes; one that does not is not waited for. */
const lingerMs = 30_000;

/**
 * Resolves when the engine has answered; from then on failures just end both sides. Throws before that.
 * @param open makes the connection to the engine, or to who hands the request on to one
 */
export async function joinUpgrade(open: () => Promise<Duplex>, asked: UpgradeRequest): Promise<void> {
  const { request, socket, head } = asked;
  const bodyBytes = statedLength(request);
  // An error ends in a close, and a close of one is the end of both.
  socket.on('error', () => socket.destroy());
  const engine = await open();
  engine.on('error', () => engine.destroy());
  socket.once('close', () => engine.destroy());
  try {
    if (socket.destroyed) throw new Error('the client went before its request was whole');
    engine.write(requestHead(asked), 'latin1');
    const extra = await copyBody(socket, engine, head, bodyBytes);
    const answer = await answerHead(engine);
    join({ socket, engine, extra, answer });
  } catch (error) {
    engine.destroy();
    throw error;
  }
}

/**
 * On another answer than 101 the engine goes on to speak plain HTTP: nothing more may reach it on this connection,
 * for it would be read as a request that nobody has looked at.
 */
function join({ socket, engine, extra, answer }: { socket: Duplex; engine: Duplex; extra: Buffer; answer: Buffer }): void {
  const upgraded = /^HTTP\/1\.[01] 101[ \r]/.test(answer.toString('latin1', 0, 16));
  // What the engine said before its end may still be on its way to a slow client.
  engine.once('close', () => {
    if (!socket.writableEnded) socket.destroy();
  });
  socket.write(answer);
  if (!upgraded) {
    engine.end();
    const linger = setTimeout(() => engine.destroy(), lingerMs);
    engine.on('data', () => void linger.refresh());
    engine.once('close', () => clearTimeout(linger));
    socket.resume();
    engine.pipe(socket);
    return;
  }
  if (extra.length > 0) engine.write(extra);
  socket.pipe(engine);
  engine.pipe(socket);
}

function openEngine({ options, secure }: Endpoint): Socket {
  const { socketPath, host, port, ca, cert, key } = options;
  if (socketPath) return connect({ path: socketPath, allowHalfOpen: true });
  const place = { host: host ?? 'localhost', port: Number(port), allowHalfOpen: true };
  return secure ? connectTls({ ...place, ca, cert, key }) : connect(place);
}

/** A connection to an engine. */
export function connectEngine(endpoint: Endpoint): Promise<Duplex> {
  const engine = openEngine(endpoint);
  return new Promise((resolve, reject) => {
    engine.on('error', reject);
    engine.setTimeout(connectTimeoutMs, () => engine.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)));
    engine.once(endpoint.secure ? 'secureConnect' : 'connect', () => {
      engine.setTimeout(0);
      resolve(engine);
    });
  });
}

function requestHead({ request, path }: UpgradeRequest): string {
  const pairs: string[] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) pairs.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}\r\n`);
  return `${request.method} ${path} HTTP/1.1\r\n${pairs.join('')}\r\n`;
}

/** A body whose end only its sender knows could hold another request. */
function statedLength(request: IncomingMessage): number {
  if (request.headers['transfer-encoding'] !== undefined) throw new HttpError(411, 'a request that asks for an upgrade must state the length of its body');
  const length = Number(request.headers['content-length'] ?? 0);
  if (!(length <= bodyLimitBytes)) throw new HttpError(413, `the body of a request that asks for an upgrade is larger than ${bodyLimitBytes} bytes`);
  return length;
}

/** Copies the request's body, part of which may have come with its head; gives what was sent beyond it. */
function copyBody(socket: Duplex, engine: Duplex, head: Buffer, bodyBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let missing = bodyBytes;
    const take = (chunk: Buffer): void => {
      const body = chunk.subarray(0, missing);
      missing -= body.length;
      if (body.length > 0) engine.write(body);
      if (missing > 0) return;
      finish();
      resolve(chunk.subarray(body.length));
    };
    const cut = (): void => {
      finish();
      reject(new Error('the client went before its request was whole'));
    };
    const finish = (): void => {
      socket.off('data', take).off('close', cut).off('end', cut);
      socket.pause();
    };
    socket.on('data', take).on('close', cut).on('end', cut);
    take(head);
  });
}

/** The answer's head and what came with it. */
function answerHead(engine: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      if (seen.includes('\r\n\r\n')) finish(() => resolve(seen));
      else if (seen.length > answerHeadLimitBytes) finish(() => reject(new Error('the answer has no end of its head')));
    };
    const cut = (): void => finish(() => reject(new Error('the connection was closed before an answer')));
    const late = setTimeout(() => finish(() => reject(new Error(`no answer within ${answerTimeoutMs} ms`))), answerTimeoutMs);
    const finish = (end: () => void): void => {
      clearTimeout(late);
      engine.off('data', take).off('close', cut).off('end', cut);
      engine.pause();
      end();
    };
    engine.on('data', take).on('close', cut).on('end', cut);
  });
}

/** Request bodies: read whole within limits, decoded as JSON, nulls dropped as Go's decoder does. */
import { deepestJson, isDeeper } from '#base/text/json-depth';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HttpError } from '../errors.ts';
import { Allowance } from '../limits.ts';
import { inTurns } from '#base/pace/steps';
import type { Turns } from '#base/pace/turn';
import { parseJson } from '#model/shape/json';
import { FrameTooLarge, parseLargeJson } from '#model/shape/large-json';
import type { Shape } from '#model/shape/shape';

export const bodyLimitBytes = 64 * 1024 * 1024;
/** More is too much for one turn of the event loop. */
const largeBytes = 1024 * 1024;
/** Of all bodies that are being read at a time. */
const heldLimitBytes = 256 * 1024 * 1024;
/** A client that sends nothing for so long has gone, or never meant to. */
const silenceLimitMs = 60_000;

const ownTurns: Turns = { monotonicNow: () => performance.now(), soon: (run) => void setImmediate(run) };

/** In whose turns a large body is parsed. */
const turnsOf = new WeakMap<IncomingMessage, Turns>();

const held = new Allowance(heldLimitBytes, 'too many large requests are being read: try again in a moment');

/** Bodies that were read already. */
const read = new WeakMap<IncomingMessage, Buffer>();

/** Of bodies that may come again: held ones, and those of requests under a key. */
const digests = new WeakMap<IncomingMessage, string>();

/** The field's standard: a client makes up a new key for each thing that it wants, and repeats it when it tries again. */
export const keyHeader = 'idempotency-key';

/** A large body of this request is parsed in the turns of those who go by `clock`. */
export function parseInTurnsOf(request: IncomingMessage, clock: Turns): void {
  turnsOf.set(request, clock);
}

/** Reads the body, and keeps it for whoever reads it again. */
export async function holdBody(request: IncomingMessage): Promise<Buffer> {
  const bytes = await readBody(request, bodyLimitBytes, true);
  read.set(request, bytes);
  return bytes;
}

/** Nobody reads the body again: its answer has begun. */
export function letGo(request: IncomingMessage): void {
  read.delete(request);
}

/** All bytes of the body; refuses more than the limit with 413, and a sender that falls silent with 408. */
export async function readBody(request: IncomingMessage, limitBytes: number = bodyLimitBytes, again = keyHeader in request.headers): Promise<Buffer> {
  const known = read.get(request);
  if (known) return known;
  const digest = again ? createHash('sha256') : undefined;
  const chunks: Buffer[] = [];
  const release: (() => void)[] = [];
  const silence = setTimeout(() => request.destroy(new HttpError(408, `no byte of the body came for ${silenceLimitMs} ms`)), silenceLimitMs);
  try {
    let length = 0;
    await eachChunk(request, (chunk) => {
      silence.refresh();
      length += chunk.length;
      if (length > limitBytes) throw new HttpError(413, `request body is larger than ${limitBytes} bytes`);
      release.push(held.take(chunk.length));
      chunks.push(chunk);
      digest?.update(chunk);
    });
    if (digest) digests.set(request, digest.digest('hex').slice(0, 32));
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  } finally {
    clearTimeout(silence);
    for (const handBack of release) handBack();
  }
}

interface PieceBounds {
  bytes: number;
  /** How long the sender may be waited for altogether. */
  waitedMs: number;
}

/** The body piece by piece, as fast as they are taken: no more of it is held than the connection does. Throws like `readBody`, and ends the connection of whoever sends more or lets us wait for too long; how long nobody takes a piece is not his fault. */
export async function* bodyPieces(request: IncomingMessage, { bytes, waitedMs }: PieceBounds): AsyncGenerator<Buffer> {
  let [length, leftMs] = [0, waitedMs];
  const pieces = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const began = performance.now();
      const limitMs = Math.min(silenceLimitMs, leftMs);
      const silence = setTimeout(() => request.destroy(new HttpError(408, `the body is waited for no longer than ${limitMs} ms`)), limitMs);
      const next = await pieces.next().finally(() => clearTimeout(silence));
      if (next.done === true) return;
      leftMs -= performance.now() - began;
      length += next.value.length;
      if (length > bytes) throw new HttpError(413, `request body is larger than ${bytes} bytes`);
      yield next.value;
    }
  } finally {
    await pieces.return?.();
  }
}

/** Tells the body from another; undefined when it was not read, or cannot come again. */
export function bodyDigest(request: IncomingMessage): string | undefined {
  return digests.get(request);
}

/** Resolves at the end of the body; rejects when the sender goes before it, or with what `take` throws. Of an answer the rest is not waited for then; of a request it is the server's. */
function eachChunk(request: IncomingMessage, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(error);
      request.off('data', heard);
      if (request.statusCode !== null) request.destroy();
    };
    function heard(chunk: Buffer): void {
      try {
        take(chunk);
      } catch (error) {
        fail(error as Error);
      }
    }
    // Every request closes, most of them behind their end: an error that nobody needs is not made.
    function closed(): void {
      if (!request.readableEnded) reject(request.errored ?? new HttpError(400, 'the request was cut off'));
    }
    request.on('data', heard);
    request.on('end', resolve);
    request.on('error', reject);
    request.on('close', closed);
    if (request.destroyed) closed();
  });
}

/** The JSON value of a body; empty and broken ones are refused in Docker's words. */
export function parseBody(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  if (text.trim() === '') throw new HttpError(400, 'got EOF while reading request body');
  if (isDeeper(bytes, deepestJson)) throw new HttpError(400, `invalid JSON: nested more than ${deepestJson} deep`);
  try {
    return parseJson(text);
  } catch (error) {
    const { message } = error as Error;
    if (message.includes('after JSON at')) throw new HttpError(400, 'unexpected content after JSON');
    const position = /position (\d+)/.exec(message)?.[1];
    const cut = position === undefined || Number(position) >= text.trimEnd().length;
    throw new HttpError(400, cut ? 'unexpected EOF' : `invalid JSON: ${message}`);
  }
}

/** The body as `shape` reads it. A large one is parsed in turns. */
export async function decodeBody<T>(request: IncomingMessage, shape: Shape<T>): Promise<T> {
  const bytes = await readBody(request);
  return decode(bytes.length <= largeBytes ? parseBody(bytes) : await parseLargeBody(bytes, turnsOf.get(request) ?? ownTurns), shape);
}

async function parseLargeBody(bytes: Buffer, turns: Turns): Promise<unknown> {
  try {
    return await inTurns(parseLargeJson(bytes), turns);
  } catch (error) {
    if (error instanceof FrameTooLarge) throw new HttpError(413, error.message);
    const { message } = error as Error;
    throw new HttpError(400, message.startsWith('Unexpected end') ? 'unexpected EOF' : `invalid JSON: ${message}`);
  }
}

/** A JSON value as `shape` reads it; `null` counts as an empty object, like in Go. */
export function decode<T>(value: unknown, shape: Shape<T>): T {
  return shape(value ?? {}, '');
}

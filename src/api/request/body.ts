/** Request bodies: read whole within a limit, decoded as JSON, nulls dropped as Go's decoder does. */
import type { IncomingMessage } from 'node:http';
import { HttpError } from '../errors.ts';
import type { Shape } from './decoders.ts';

const bodyLimitBytes = 64 * 1024 * 1024;

/** All bytes of the body; refuses more than the limit with 413. */
export async function readBody(request: IncomingMessage, limitBytes: number = bodyLimitBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limitBytes) throw new HttpError(413, `request body is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The JSON value of a body; empty and broken ones are refused in Docker's words. */
export function parseBody(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  if (text.trim() === '') throw new HttpError(400, 'got EOF while reading request body');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const { message } = error as Error;
    const position = /position (\d+)/.exec(message)?.[1];
    const cut = position === undefined || Number(position) >= text.trimEnd().length;
    throw new HttpError(400, cut ? 'unexpected EOF' : `invalid JSON: ${message}`);
  }
}

/** The body as `shape` reads it. */
export async function decodeBody<T>(request: IncomingMessage, shape: Shape<T>): Promise<T> {
  return decode(parseBody(await readBody(request)), shape);
}

/** A JSON value as `shape` reads it; `null` counts as an empty object, like in Go. */
export function decode<T>(value: unknown, shape: Shape<T>): T {
  return shape(value ?? {}, '');
}

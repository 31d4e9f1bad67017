/** One HTTP request to an endpoint: opened, and its answer read whole within a limit. */
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { wholeText } from '#base/whole';
import type { Endpoint } from './endpoint.ts';

export interface Call {
  method: string;
  path: string;
  /** Pairs in a row keep their order and spelling. */
  headers?: OutgoingHttpHeaders | readonly string[];
  /** A stream is sent as it comes. */
  body?: Buffer | string | Readable | undefined;
  signal?: AbortSignal | undefined;
  /** Silence after which the call is given up; 0 or absent: none. */
  silenceLimitMs?: number | undefined;
  /** Called once, when the connection is done with, however it ended. */
  closed?: () => void;
}

/** Resolves with the head of the answer; its body is the caller's to read or destroy. Rejects with node's own error. */
export function openCall(endpoint: Endpoint, { method, path, headers, body, signal, silenceLimitMs, closed }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { ...endpoint.options, method, path, ...(headers && { headers }), ...(signal && { signal }) } as RequestOptions;
    const call = (endpoint.secure ? httpsRequest : httpRequest)(options);
    if (silenceLimitMs) call.setTimeout(silenceLimitMs, () => call.destroy(new Error(`no answer within ${silenceLimitMs} ms`)));
    call.once('response', resolve);
    // Every failure, the late ones too, ends in a close; what comes after the answer has no one to tell.
    call.on('error', reject);
    call.once('close', () => {
      closed?.();
      reject(new Error('the connection was closed'));
    });
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) call.end(body);
    // What breaks off is told to the other end by a broken connection.
    else body.on('error', (error: Error) => call.destroy(error)).pipe(call);
  });
}

export interface Upgraded {
  answer: IncomingMessage;
  /** Absent where the other end would not. */
  connection?: Duplex;
}

/** POSTs a body and asks for a connection of bytes in place of an answer. Rejects with node's own error. */
export function openUpgrade(endpoint: Endpoint, path: string, body: string): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'docker', Connection: 'Upgrade', Upgrade: 'tcp', 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const call = (endpoint.secure ? httpsRequest : httpRequest)({ ...endpoint.options, method: 'POST', path, headers });
    call.once('response', (answer) => resolve({ answer }));
    call.once('upgrade', (answer, connection, head) => {
      if (head.length > 0) connection.unshift(head);
      connection.on('error', () => connection.destroy());
      resolve({ answer, connection });
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** The whole body as text. Throws when it is larger than the limit or breaks off. */
export async function readText(answer: IncomingMessage, limitBytes: number): Promise<string> {
  const text = await wholeText(answer as AsyncIterable<Buffer>, limitBytes);
  if (text === undefined) throw new Error(`an answer of more than ${limitBytes} bytes`);
  // The connection goes back to its agent a turn later: the next call then finds it free.
  await nextTurn();
  return text;
}

/** What an answer with an error status says: the Engine API's `message`, or the text itself. */
export function messageOf(text: string): string {
  try {
    const value = JSON.parse(text) as { message?: unknown } | null;
    return typeof value?.message === 'string' ? value.message.trim() : '';
  } catch {
    return text.trim();
  }
}

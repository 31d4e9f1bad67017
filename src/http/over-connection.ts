/** One HTTP request over a connection that stands already, which ends with it. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';

export interface CallOver {
  method: string;
  path: string;
  /** In their order and spelling; `Connection` and a held body's length are added. */
  headers: readonly (readonly [string, string])[];
  /** A stream is sent as it comes; one that breaks off ends the connection. */
  body?: Buffer | Readable | undefined;
  signal: AbortSignal;
}

/** Resolves with the head of the answer; its body is the caller's to read or destroy. Rejects when the connection ends before it. */
export function callOver(connection: Duplex, { method, path, headers, body, signal }: CallOver): Promise<IncomingMessage> {
  const all = [...headers, ['Connection', 'close'], ...(Buffer.isBuffer(body) ? [['Content-Length', String(body.length)]] : [])];
  return new Promise((resolve, reject) => {
    // One that was over before it began tells nobody.
    if (connection.destroyed) throw new Error('the connection is closed');
    connection.once('close', () => reject(new Error('the connection was closed')));
    const sent = httpRequest({ createConnection: () => connection, method, path, headers: all.flat(), signal });
    sent.on('error', reject);
    sent.on('response', resolve);
    if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
    else body.on('error', (error: Error) => sent.destroy(error)).pipe(sent);
  });
}

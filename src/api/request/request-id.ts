/** Under which ids a request's changes are made: who asks again under the same key gets the same answer, and nothing happens twice. */
import { createHash } from 'node:crypto';
import { HttpError } from '../errors.ts';
import type { Call } from '../router.ts';

/** The field's standard: a client makes up a new key for each thing that it wants, and repeats it when it tries again. */
export const keyHeader = 'idempotency-key';
const wellFormed = /^[\x20-\x7e]{1,255}$/;

/**
 * The id of the next change that `call` asks for; undefined when the client gave no key. A key that another request used
 * means nothing for this one.
 */
export function nextChangeId(call: Call): string | undefined {
  const given = call.request.headers[keyHeader] ?? call.key;
  if (given === undefined) return undefined;
  const key = String(given).replace(/^"(.*)"$/, '$1');
  if (!wellFormed.test(key)) throw new HttpError(400, 'the header Idempotency-Key has 1 to 255 characters of plain text');
  const { path, search } = call.target;
  const request = JSON.stringify([key, call.request.method, path, search]);
  return `${createHash('sha256').update(request).digest('hex').slice(0, 40)}.${++call.changes}`;
}

/** Under which ids a request's changes are made: who asks again under the same key gets the same answer, and nothing happens twice. */
import { createHash } from 'node:crypto';
import type { RequestName } from '#control/cluster';
import { HttpError } from '../errors.ts';
import type { Call } from '../router.ts';
import { bodyDigest, keyHeader } from './body.ts';

const wellFormed = /^[\x20-\x7e]{1,255}$/;

/**
 * The id of the next change that `call` asks for, and a digest of its body; nothing when the client gave no key. A key that was
 * used for another path means nothing for this one.
 */
export function nextChange(call: Call): RequestName {
  const given = call.request.headers[keyHeader] ?? call.key;
  if (given === undefined) return [];
  const key = String(given).replace(/^"(.*)"$/, '$1');
  if (!wellFormed.test(key)) throw new HttpError(400, 'the header Idempotency-Key has 1 to 255 characters of plain text');
  const { path, search } = call.target;
  const request = JSON.stringify([key, call.request.method, path, search]);
  return [`${createHash('sha256').update(request).digest('hex').slice(0, 40)}.${++call.changes}`, bodyDigest(call.request)];
}

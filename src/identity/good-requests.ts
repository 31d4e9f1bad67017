/** Requests for certificates: one is looked at before there is a node, and again when its certificate is signed, and the signature in it is looked at once. */
import { keepNewest } from '#base/pace/newest';
import { Refusal } from '#base/refusal';
import { readRequest } from './leaf.ts';

/** A request is some 500 bytes. */
const longestPem = 16 * 1024;
/** Those that were found good last: more than join at a time. */
const mostKept = 64;

export class GoodRequests {
  readonly #read: typeof readRequest;
  /** With their keys' parts of a certificate, the oldest first. */
  readonly #kept = new Map<string, Buffer>();

  constructor(read = readRequest) {
    this.#read = read;
  }

  /** The key's part of a certificate for it. Refuses `invalidArgument` what is no request, has another kind of key, or is not signed by it. */
  keyOf(request: string): Buffer {
    const known = this.#kept.get(request);
    if (known) return known;
    const read = request.length > longestPem ? undefined : this.#read(request);
    if (!read?.holds()) throw new Refusal('invalidArgument', 'this is no request for a certificate of a P-256 key, signed by that key');
    keepNewest(this.#kept, request, read.spki, mostKept);
    return read.spki;
  }
}

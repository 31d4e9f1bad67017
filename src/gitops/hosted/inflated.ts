/** A request's body as it was before it was packed for the way: made here, within a bound, for git would inflate whatever comes. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Refusal } from '#base/refusal';

/** The pieces of `body`, inflated where `encoding` says so. Throws a Refusal once that is more than `mostBytes`, and where it is no gzip. */
export async function* inflated(body: AsyncIterable<Uint8Array>, encoding: string, mostBytes: number): AsyncGenerator<Uint8Array> {
  if (!/^(x-)?gzip$/i.test(encoding.trim())) return yield* body;
  const [packed, plain] = [Readable.from(body), createGunzip()];
  packed.once('error', (error) => plain.destroy(error));
  packed.pipe(plain);
  let bytes = 0;
  try {
    for await (const piece of plain as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > mostBytes) throw new Refusal('invalidArgument', `the request's body is larger than ${mostBytes} bytes when it is inflated`);
      yield piece;
    }
  } finally {
    packed.destroy();
    plain.destroy();
  }
}

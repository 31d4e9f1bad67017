/** Bytes sealed under a passphrase, for a file that leaves the host: whoever has no passphrase reads nothing, and nobody changes or cuts it unnoticed. */
import { createHash, hkdfSync, scrypt, timingSafeEqual } from 'node:crypto';
import { Refusal } from '#base/refusal';
import { fileKey, sealBytes, type FileKey } from './key.ts';

const magic = 'shoalbak';
const version = 1;
const saltBytes = 32;
const checkBytes = 16;
const digestBytes = 32;
/** Magic, version, cost (log N, r, p), salt, a check of the key, a digest of all that. */
const checkedBytes = magic.length + 4 + saltBytes + checkBytes;
const headerBytes = checkedBytes + digestBytes;
const lengthBytes = 4;
const pieceBytes = 512 * 1024;
/** A quarter of a second and 64 MiB of memory for each passphrase that is tried. */
const usualCost = { logN: 16, r: 8, p: 1 };
/** A file may not ask for more than that of whoever opens it. */
const mostCost = { logN: 20, r: 16, p: 4 };

interface Cost {
  logN: number;
  r: number;
  p: number;
}

/** Header, then each piece with its length before it. The last one is empty and says so under the seal. @param chance random bytes */
export async function* sealed(
  passphrase: string,
  pieces: Iterable<Uint8Array>,
  chance: (count: number) => Buffer,
  cost: Cost = usualCost,
): AsyncGenerator<Buffer> {
  const salt = chance(saltBytes);
  const { key, check } = await keysOf(passphrase, salt, cost);
  const start = Buffer.concat([Buffer.from(magic), Buffer.from([version, cost.logN, cost.r, cost.p]), salt, check]);
  const header = Buffer.concat([start, digestOf(start)]);
  yield header;
  let number = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += pieceBytes) yield sealedPiece(key, header, number++, false, piece.subarray(at, at + pieceBytes));
  }
  yield sealedPiece(key, header, number, true, new Uint8Array());
}

/** The pieces, as they were cut when they were sealed. Refuses by name what is no such file, another passphrase, and bytes that were changed, cut off or added. */
export async function* unsealed(passphrase: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const source = new Source(bytes);
  const header = await source.take(headerBytes);
  const key = await keyFor(passphrase, header);
  for (let number = 0; ; number++) {
    const prefix = await source.take(lengthBytes);
    if (prefix.length < lengthBytes) throw cutOff();
    const length = prefix.readUInt32BE();
    if (length < sealBytes || length > pieceBytes + sealBytes) throw changed();
    const piece = await source.take(length);
    if (piece.length < length) throw cutOff();
    const last = length === sealBytes;
    const opened = openPiece(key, header, number, last, piece);
    if (last) break;
    yield opened;
  }
  if ((await source.take(1)).length > 0) throw changed();
}

async function keyFor(passphrase: string, header: Buffer): Promise<FileKey> {
  const known = header.toString('latin1', 0, magic.length) === magic;
  if (header.length > 0 && known && header.length < headerBytes) throw cutOff();
  if (!known) throw new Refusal('invalidArgument', 'this is no backup', { reason: 'noBackup' });
  const [found = 0, logN = 0, r = 0, p = 0] = header.subarray(magic.length);
  if (found !== version) {
    throw new Refusal('invalidArgument', `the backup has format version ${found}, and this program reads version ${version}: use the program that wrote it`, {
      reason: 'newer',
    });
  }
  if (!timingSafeEqual(digestOf(header.subarray(0, checkedBytes)), header.subarray(checkedBytes))) throw changed();
  if (logN < 1 || r < 1 || p < 1 || logN > mostCost.logN || r > mostCost.r || p > mostCost.p) throw changed();
  const salt = header.subarray(magic.length + 4, magic.length + 4 + saltBytes);
  const { key, check } = await keysOf(passphrase, salt, { logN, r, p });
  if (timingSafeEqual(check, header.subarray(checkedBytes - checkBytes, checkedBytes))) return key;
  throw new Refusal('permissionDenied', 'the passphrase is not that of the backup', { reason: 'wrongPassphrase' });
}

async function keysOf(passphrase: string, salt: Buffer, { logN, r, p }: Cost): Promise<{ key: FileKey; check: Buffer }> {
  const options = { N: 2 ** logN, r, p, maxmem: 2 * 128 * r * 2 ** logN + 1024 * 1024 };
  const root = await new Promise<Buffer>((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, derived) => (error ? reject(error) : resolve(derived)));
  });
  const part = (name: string, count: number): Buffer => Buffer.from(hkdfSync('sha256', root, salt, `shoal backup ${name}`, count));
  return { key: fileKey(part('pieces', 32)), check: part('check', checkBytes) };
}

function sealedPiece(key: FileKey, header: Buffer, number: number, last: boolean, piece: Uint8Array): Buffer {
  const sealing = key.sealing(number, bound(header, last));
  const body = [sealing.add(piece), sealing.end()];
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(piece.length + sealBytes);
  return Buffer.concat([length, ...body]);
}

function openPiece(key: FileKey, header: Buffer, number: number, last: boolean, piece: Buffer): Buffer {
  try {
    return key.open(number, bound(header, last), piece);
  } catch {
    throw changed();
  }
}

/** What a piece is tied to: its file, and whether it is the last. */
function bound(header: Buffer, last: boolean): Buffer {
  return Buffer.concat([header, Buffer.from([last ? 1 : 0])]);
}

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function cutOff(): Refusal {
  return new Refusal('invalidArgument', 'the backup is cut off: its end is missing', { reason: 'cutOff' });
}

function changed(): Refusal {
  return new Refusal('invalidArgument', 'the backup is damaged, or was changed since it was taken', { reason: 'changed' });
}

/** Bytes of a stream, taken in the amounts that one asks for. */
class Source {
  readonly #bytes: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  /** Fewer only at the end. */
  async take(count: number): Promise<Buffer> {
    const parts = [this.#rest];
    let length = this.#rest.length;
    while (length < count) {
      const { value, done } = await this.#bytes.next();
      if (done) break;
      parts.push(Buffer.from(value));
      length += value.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = all.subarray(Math.min(count, all.length));
    return all.subarray(0, Math.min(count, all.length));
  }
}

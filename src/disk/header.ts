/** The first bytes of log and snapshot files: what they are, under which key, and whose. */
import { crc32 } from 'node:zlib';
import { damaged } from './damage.ts';
import { keyIdBytes, saltBytes, type DataKey, type FileKey } from './key.ts';

/** Whose state a file holds. A file of another group, or from before the group was made anew, is never taken for one's own. */
export interface Owner {
  readonly cluster: string;
  /** Raised when a group is made anew from one member. */
  readonly incarnation: number;
  readonly node: string;
}

interface FileKind {
  /** Eight bytes. */
  readonly magic: string;
  readonly purpose: 'log' | 'snapshot';
}

export const logFile: FileKind = { magic: 'shoallog', purpose: 'log' };
export const snapshotFile: FileKind = { magic: 'shoalsnp', purpose: 'snapshot' };

const version = 2;
const versionAt = 8;
const keyIdAt = 9;
const saltAt = keyIdAt + keyIdBytes;
const factsAt = saltAt + saltBytes;
/** Four bytes end the header: a checksum, in snapshots of the first version the number of chunks. */
const firstVersionBytes = factsAt + 4;
/** Enough for every header; a file may be shorter. */
export const longestHeader = 64 * 1024;

export interface Header<F> {
  readonly version: number;
  readonly key: FileKey;
  /** undefined in the first version. */
  readonly facts: F | undefined;
  readonly bytes: number;
}

/** A header: magic, version, key id, salt, length and JSON of `facts`, checksum over all of it. Every file has a key of its own by its salt. */
export function encodeHeader(kind: FileKind, key: DataKey, salt: Buffer, facts: object): { bytes: Buffer; key: FileKey } {
  const text = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  const bytes = Buffer.concat([Buffer.from(kind.magic), Buffer.from([version]), key.id, salt, length, text, Buffer.alloc(4)]);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, bytes.length - 4)), bytes.length - 4);
  return { bytes, key: key.forFile(kind.purpose, salt) };
}

/** Reads the header that `start` begins with; undefined when it is none. Refuses another key and a newer version. */
export function decodeHeader<F>(kind: FileKind, key: DataKey, path: string, start: Buffer): Header<F> | undefined {
  if (start.length < firstVersionBytes || start.toString('latin1', 0, versionAt) !== kind.magic) return undefined;
  const found = start[versionAt] ?? 0;
  const length = found === 1 ? 0 : 2 + start.readUInt16BE(factsAt);
  const end = factsAt + length + 4;
  // The first version's snapshots have a digest elsewhere, and no checksum here.
  const summed = found !== 1 || kind === logFile;
  if (start.length < end || (summed && crc32(start.subarray(0, end - 4)) !== start.readUInt32BE(end - 4))) return undefined;
  if (found !== 1 && found !== version) {
    throw damaged('newer', `the file ${path} has format version ${found}; this program reads versions 1 and ${version}: use the program that wrote it`);
  }
  if (!start.subarray(keyIdAt, saltAt).equals(key.id)) {
    throw damaged('otherKey', `the file ${path} was sealed with another key: put the key file that belongs to it back from a backup`);
  }
  const facts = found === 1 ? undefined : (JSON.parse(start.toString('utf8', factsAt + 2, end - 4)) as F);
  return { version: found, key: key.forFile(kind.purpose, Buffer.from(start.subarray(saltAt, factsAt))), facts, bytes: end };
}

/** Refuses a file that belongs to somebody else. */
export function checkOwner(path: string, found: Owner, expected: Owner): void {
  if (found.cluster === expected.cluster && found.node === expected.node && found.incarnation <= expected.incarnation) return;
  const [theirs, ours] = found.node === expected.node ? [groupName(found), groupName(expected)] : [`manager ${found.node}`, expected.node];
  throw damaged('otherMember', `${path} belongs to ${theirs}, not to ${ours}: start this manager with its own state folder`, { path });
}

function groupName({ cluster, incarnation }: Owner): string {
  return `group ${cluster} in its incarnation ${incarnation}`;
}

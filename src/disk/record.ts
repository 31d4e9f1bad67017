/** What one group commit writes, and its bytes. */
import type { Configuration, Entry, HardState } from '#raft/message';
import { Refusal } from '#base/refusal';

/** Says that a snapshot file is whole: nothing counts that no mark names. */
export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  /** SHA-256 of the file, hex. */
  readonly digest: string;
}

export interface Record {
  readonly hardState: HardState | undefined;
  /** Snapshots that may be used, oldest first; empty when unchanged. */
  readonly marks: readonly SnapshotMark[];
  /** Replace everything at and behind the first one's index. */
  readonly entries: readonly Entry[];
}

const entryHeaderBytes = 17;
const kinds = ['normal', 'configuration'] as const;

/** Bytes of a record: a JSON head with its length, then the entries as they are. */
export function encodeRecord(record: Record): Buffer {
  const head = Buffer.from(JSON.stringify({ hardState: record.hardState, marks: record.marks }));
  const size = record.entries.reduce((sum, entry) => sum + entryHeaderBytes + entry.bytes.length, 4 + head.length);
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(head.length, 0);
  head.copy(bytes, 4);
  let at = 4 + head.length;
  for (const entry of record.entries) {
    bytes.writeUIntBE(entry.index, at, 6);
    bytes.writeUIntBE(entry.term, at + 6, 6);
    bytes.writeUInt8(kinds.indexOf(entry.kind), at + 12);
    bytes.writeUInt32BE(entry.bytes.length, at + 13);
    bytes.set(entry.bytes, at + entryHeaderBytes);
    at += entryHeaderBytes + entry.bytes.length;
  }
  return bytes;
}

/** The record in `bytes`, whose checksum and seal have been checked already. */
export function decodeRecord(bytes: Buffer): Record {
  const headEnd = 4 + bytes.readUInt32BE(0);
  const head = JSON.parse(bytes.toString('utf8', 4, headEnd)) as Omit<Record, 'entries' | 'hardState'> & { hardState?: HardState };
  const entries: Entry[] = [];
  for (let at = headEnd; at < bytes.length;) {
    const kind = kinds[bytes.readUInt8(at + 12)];
    if (!kind) throw new Refusal('unknown', 'the log holds an entry of a kind that this program does not know: it was written by a newer version');
    const end = at + entryHeaderBytes + bytes.readUInt32BE(at + 13);
    entries.push({
      index: bytes.readUIntBE(at, 6),
      term: bytes.readUIntBE(at + 6, 6),
      kind,
      bytes: bytes.subarray(at + entryHeaderBytes, end),
    });
    at = end;
  }
  // JSON leaves out an absent vote.
  const hardState = head.hardState && { term: head.hardState.term, vote: head.hardState.vote, commit: head.hardState.commit };
  return { hardState, marks: head.marks, entries };
}

/** Several records as one, as if they had been written one after the other. */
export function mergeRecords(records: readonly Record[]): Record {
  let hardState: HardState | undefined;
  let marks: readonly SnapshotMark[] = [];
  const entries: Entry[] = [];
  for (const record of records) {
    hardState = record.hardState ?? hardState;
    if (record.marks.length > 0) marks = record.marks;
    const first = record.entries[0];
    const before = entries[0];
    if (first && before) entries.length = Math.max(0, Math.min(entries.length, first.index - before.index));
    // A loop, because spreading a long list into push() overflows the stack.
    for (const entry of record.entries) entries.push(entry);
  }
  return { hardState, marks, entries };
}

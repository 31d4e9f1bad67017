/** What one group commit writes, and its bytes. */
import type { Configuration, Entry, HardState } from '#raft/message';
import { damaged } from './damage.ts';

/** Says that a snapshot file is whole: nothing counts that no mark names. */
export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  /** SHA-256 of the file, hex; empty for the beginning of a group, which has no file. */
  readonly digest: string;
  /** Length of the file; the first version did not write it down. */
  readonly bytes?: number;
}

export interface Record {
  readonly hardState: HardState | undefined;
  /** Snapshots that may be used, oldest first; empty when unchanged. */
  readonly marks: readonly SnapshotMark[];
  /** True when the newest mark is a snapshot of another member: every entry before this record's own is void. */
  readonly installed: boolean;
  /** Replace everything at and behind the first one's index. */
  readonly entries: readonly Entry[];
}

export const emptyRecord: Record = { hardState: undefined, marks: [], installed: false, entries: [] };

interface Head {
  hardState?: HardState;
  marks: readonly SnapshotMark[];
  /** Absent in the first version, and when false. */
  installed?: true;
}

const entryHeaderBytes = 17;
const kinds = ['normal', 'configuration'] as const;

/** Bytes of a record, in parts: a JSON head with its length, then each entry's own head and its bytes, which are not copied. */
export function encodeRecord({ hardState, marks, installed, entries }: Record): Uint8Array[] {
  const head = Buffer.from(JSON.stringify({ ...(hardState && { hardState }), marks, ...(installed && { installed }) } satisfies Head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return [length, head, ...entries.flatMap((entry) => [entryHead(entry), entry.bytes])];
}

function entryHead({ index, term, kind, bytes }: Entry): Buffer {
  const head = Buffer.alloc(entryHeaderBytes);
  head.writeUIntBE(index, 0, 6);
  head.writeUIntBE(term, 6, 6);
  head.writeUInt8(kinds.indexOf(kind), 12);
  head.writeUInt32BE(bytes.length, 13);
  return head;
}

/** What entries take in a record. */
export function entryBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entryHeaderBytes + entry.bytes.length, 0);
}

/** The record in `bytes`, whose checksum and seal have been checked already. */
export function decodeRecord(bytes: Buffer): Record {
  const headEnd = 4 + bytes.readUInt32BE(0);
  const head = JSON.parse(bytes.toString('utf8', 4, headEnd)) as Head;
  const entries: Entry[] = [];
  for (let at = headEnd; at < bytes.length;) {
    const kind = kinds[bytes.readUInt8(at + 12)];
    if (!kind) throw damaged('newer', 'the log holds an entry of a kind that this program does not know: it was written by a newer version');
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
  return { hardState, marks: head.marks, installed: head.installed ?? false, entries };
}

/** Several records as one, as if they had been written one after the other. */
export function mergeRecords(records: readonly Record[]): Record {
  let { hardState, marks, installed } = emptyRecord;
  const entries: Entry[] = [];
  for (const record of records) {
    hardState = record.hardState ?? hardState;
    if (record.marks.length > 0) marks = record.marks;
    if (record.installed) {
      installed = true;
      entries.length = 0;
    }
    const first = record.entries[0];
    const before = entries[0];
    if (first && before) entries.length = Math.max(0, Math.min(entries.length, first.index - before.index));
    // A loop, because spreading a long list into push() overflows the stack.
    for (const entry of record.entries) entries.push(entry);
  }
  return { hardState, marks, installed, entries };
}

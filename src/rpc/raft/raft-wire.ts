/** Raft's messages as frames: a large entry goes in pieces, so that nobody spends a long turn on it. */
import type { Entry, InstallSnapshot, Message } from '#raft/message';
import { RaftFrame, type RaftMessage } from '../generated/shoal/v1/raft.ts';

export type Spoken = Exclude<Message, InstallSnapshot>;

/** Bytes that are written or read in one turn. */
export const pieceBytes = 256 * 1024;
/** Of all entries of one message: the largest entry that is ever proposed, and what shares its append. */
const messageBytes = 96 * 1024 * 1024;

const vote = ['lastIndex', 'lastTerm', 'commit', 'commitTerm', 'transfer'] as const;
const voteReply = ['granted', 'commit', 'commitTerm'] as const;

/** What each type consists of beside its type, sender, receiver and term. */
const fieldsOf: Readonly<Record<Spoken['type'], readonly (keyof RaftMessage)[]>> = {
  preVote: vote,
  vote,
  preVoteReply: voteReply,
  voteReply,
  append: ['prevIndex', 'prevTerm', 'entries', 'commit'],
  appendReply: ['index', 'rejected', 'hintIndex', 'hintTerm', 'commit'],
  heartbeat: ['commit', 'readSequence'],
  heartbeatReply: ['readSequence'],
  timeoutNow: [],
  readIndex: ['requestId'],
  readIndexReply: ['requestId', 'index'],
};

const empty = RaftFrame.decode(new Uint8Array(0));
const nothing: RaftMessage = {
  type: '',
  term: 0,
  lastIndex: 0,
  lastTerm: 0,
  commit: 0,
  commitTerm: 0,
  transfer: false,
  granted: false,
  prevIndex: 0,
  prevTerm: 0,
  entries: [],
  index: 0,
  rejected: false,
  hintIndex: 0,
  hintTerm: 0,
  readSequence: 0,
  requestId: '',
};

/** About the bytes that a message takes on its way. */
export function sizeOf(message: Spoken): number {
  return message.type === 'append' ? message.entries.reduce((sum, { bytes }) => sum + bytes.length + 32, 64) : 64;
}

/** The frames of a message, made as they are asked for. */
export function* toFrames(message: Spoken): Generator<RaftFrame> {
  const entries = message.type === 'append' ? message.entries : [];
  const { type, term } = message;
  const fields = message as unknown as RaftMessage;
  const value = { ...nothing, type, term, entries: entries.map(headOf) };
  for (const name of fieldsOf[type]) if (name !== 'entries') (value as Record<string, unknown>)[name] = fields[name];
  yield { ...empty, frame: { $case: 'message', value } };
  for (const { bytes } of entries) {
    if (bytes.length <= pieceBytes) continue;
    for (let at = 0; at < bytes.length; at += pieceBytes) yield { ...empty, frame: { $case: 'piece', value: bytes.subarray(at, at + pieceBytes) } };
  }
}

function headOf({ term, index, kind, bytes }: Entry): RaftMessage['entries'][number] {
  const here = bytes.length <= pieceBytes;
  return { term, index, kind, bytes: here ? bytes : new Uint8Array(0), following: here ? 0 : bytes.length };
}

interface Growing {
  readonly bytes: Uint8Array;
  filled: number;
}

/** Puts the frames of one line together again. Throws what cannot be a message: the line is then broken. */
export class Frames {
  readonly #way: { readonly from: string; readonly to: string };
  #message: Record<string, unknown> | undefined;
  #growing: Growing[] = [];

  constructor(way: { readonly from: string; readonly to: string }) {
    this.#way = way;
  }

  /** The message when `frame` completes one; its contents are for raft to check. */
  add({ frame }: RaftFrame): Record<string, unknown> | undefined {
    if (frame?.$case === 'message') {
      if (this.#message) throw new Error('a message begins before the one before it is whole');
      this.#message = this.#begin(frame.value);
    } else if (frame?.$case === 'piece') this.#grow(frame.value);
    else throw new Error('a frame holds nothing that is known');
    if (this.#growing.length > 0) return undefined;
    const whole = this.#message;
    this.#message = undefined;
    return whole;
  }

  #begin(value: RaftMessage): Record<string, unknown> {
    const { type, term } = value;
    const names = Object.hasOwn(fieldsOf, type) ? fieldsOf[type as Spoken['type']] : [];
    const message: Record<string, unknown> = { type, term, ...this.#way };
    for (const name of names) message[name] = value[name];
    if (names.includes('entries')) message['entries'] = this.#entries(value.entries);
    return message;
  }

  #entries(heads: RaftMessage['entries']): object[] {
    const total = heads.reduce((sum, { bytes, following }) => sum + bytes.length + following, 0);
    if (!(total <= messageBytes)) throw new Error(`a message of ${total} bytes is larger than any is`);
    return heads.map(({ term, index, kind, bytes, following }) => {
      if (following === 0) return { term, index, kind, bytes };
      const growing = { bytes: new Uint8Array(following), filled: 0 };
      this.#growing.push(growing);
      return { term, index, kind, bytes: growing.bytes };
    });
  }

  #grow(piece: Uint8Array): void {
    const [growing] = this.#growing;
    if (!growing || piece.length === 0 || growing.filled + piece.length > growing.bytes.length) throw new Error('a piece belongs to no entry');
    growing.bytes.set(piece, growing.filled);
    growing.filled += piece.length;
    if (growing.filled === growing.bytes.length) this.#growing.shift();
  }
}

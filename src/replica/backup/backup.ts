/** A cluster's whole state in one sealed file: taken from what a manager holds, and made the beginning of a new group of managers. */
import { randomBytes } from 'node:crypto';
import { decode, encode } from '#base/codec';
import { finish } from '#base/pace/steps';
import { Refusal } from '#base/refusal';
import { sealed, unsealed } from '#disk/sealed-stream';
import type { StoreImage } from '#store/store';
import { openDisk, type DiskOptions } from '../disk-storage.ts';
import { encodeState, StateDecoder } from '../state-format.ts';

/** What stands in front of the state, under the seal. */
export interface BackupFacts {
  cluster: string;
  /** Who took it. */
  node: string;
  /** RFC 3339. */
  takenAt: string;
  /** Of the group of managers that it was taken from. */
  incarnation: number;
  term: number;
}

export interface Backup {
  facts: BackupFacts;
  image: StoreImage;
}

/** The file's bytes. The state is that of the moment of the call. */
export function takeBackup({ facts, image }: Backup, passphrase: string): AsyncIterable<Uint8Array> {
  return sealed(passphrase, piecesOf(facts, image), randomBytes);
}

function* piecesOf(facts: BackupFacts, image: StoreImage): Generator<Uint8Array> {
  yield encode(facts);
  yield* encodeState(image);
}

/** Reads and checks the whole file: refuses one that is not whole, not of this passphrase, or of a newer program. */
export async function readBackup(bytes: AsyncIterable<Uint8Array>, passphrase: string): Promise<Backup> {
  let facts: BackupFacts | undefined;
  const state = new StateDecoder();
  for await (const piece of unsealed(passphrase, bytes)) {
    if (facts) finish(state.take(piece));
    else facts = decode<BackupFacts>(piece);
  }
  if (!facts) throw new Refusal('invalidArgument', 'the backup is empty', { reason: 'noBackup' });
  return { facts, image: state.finish().image() };
}

/** Makes the empty folder of `options` that of a group whose only member holds the state. Nothing that the group of before says counts in it. */
export async function beginFrom({ facts, image }: Backup, options: Omit<DiskOptions, 'founds' | 'incarnation'>): Promise<void> {
  const alone = { voters: [options.node], learners: [] };
  const open = openDisk({ ...options, founds: true, incarnation: facts.incarnation + 1 });
  const { storage } = await open({ index: 0, term: 0, configuration: alone });
  try {
    const meta = { index: Math.max(image.index, 1), term: Math.max(facts.term, 1), configuration: alone };
    await storage.receive(meta, chunks(image));
    const attest = { term: meta.term, index: meta.index, lastTerm: meta.term };
    const hardState = { term: meta.term, vote: undefined, commit: meta.index };
    await storage.write({ hardState, entries: [], installed: meta, replies: [], attest });
  } finally {
    await storage.close();
  }
}

async function* chunks(image: StoreImage): AsyncGenerator<Uint8Array> {
  yield* encodeState(image);
}

/** Assignment messages on the wire: cut into pieces, each item's bytes made once for all nodes that get it. */
import { decode, encode } from '#base/codec';
import type { AssignmentChange, AssignmentKind, AssignmentMessage } from '#model/object/assignment';
import type { AssignmentChange as WireChange, Assignments } from './generated/shoal/v1/dispatcher.ts';

/** A piece ends after so many bytes; an item is never cut. */
const pieceBytes = 256 * 1024;

/** Items are immutable, so their bytes hold as long as they do. */
const encoded = new WeakMap<object, Uint8Array>();
/** One node alone holds these: keeping their bytes would only take memory. */
const ownKinds: ReadonlySet<AssignmentKind> = new Set(['task', 'node']);

export function* toPieces(message: AssignmentMessage): Generator<Assignments> {
  const { appliesTo, resultsIn, acknowledge = false } = message;
  const envelope = { complete: message.type === 'complete', appliesTo, resultsIn, acknowledge };
  let changes: WireChange[] = [];
  let bytes = 0;
  for (const change of message.changes) {
    if (bytes >= pieceBytes) {
      yield { ...envelope, last: false, changes };
      changes = [];
      bytes = 0;
    }
    const wire = toWire(change);
    changes.push(wire);
    bytes += wire.id.length + (wire.item?.length ?? 0);
  }
  yield { ...envelope, last: true, changes };
}

/** Puts pieces together again. */
export class Pieces {
  #changes: AssignmentChange[] = [];

  /** The message when `piece` was its last one. */
  add(piece: Assignments): AssignmentMessage | undefined {
    for (const change of piece.changes) this.#changes.push(fromWire(change));
    if (!piece.last) return undefined;
    const changes = this.#changes;
    this.#changes = [];
    const { complete, appliesTo, resultsIn, acknowledge } = piece;
    return { type: complete ? 'complete' : 'incremental', appliesTo, resultsIn, changes, ...(acknowledge && { acknowledge }) };
  }
}

function toWire(change: AssignmentChange): WireChange {
  if (change.action === 'remove') return { kind: change.kind, id: change.id };
  return { kind: change.kind, id: change.item.ID, item: bytesOf(change.kind, change.item) };
}

function bytesOf(kind: AssignmentKind, item: object): Uint8Array {
  if (ownKinds.has(kind)) return encode(item);
  let bytes = encoded.get(item);
  if (!bytes) encoded.set(item, (bytes = encode(item)));
  return bytes;
}

/** The kind may be one that only a newer manager knows: whoever takes the items skips those. */
function fromWire({ kind, id, item }: WireChange): AssignmentChange {
  const known = kind as AssignmentKind;
  return item === undefined ? { action: 'remove', kind: known, id } : ({ action: 'update', kind: known, item: decode(item) } as AssignmentChange);
}

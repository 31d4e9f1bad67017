/** What commits told a node that it was not sent yet, and how it becomes one message. */
import { joinedInOrder, LastOfEach } from '#stages/dispatcher/item';
import type { AssignmentChange } from '#model/object/assignment';

/** Of one commit. Each holds a key once. */
export interface Told {
  changes: readonly AssignmentChange[];
  /** Other nodes were told the very same list. */
  isShared: boolean;
}

/** Made last: sessions that are woken together mostly wait for the very same lists. */
let latest: { lists: readonly Told['changes'][]; last: LastOfEach } = { lists: [], last: new LastOfEach([]) };

function lastOfShared(lists: readonly Told['changes'][]): LastOfEach {
  const same = lists.length === latest.lists.length && lists.every((list, at) => list === latest.lists[at]);
  if (!same) latest = { lists, last: new LastOfEach(lists) };
  return latest.last;
}

/** What follows one another as one list, in order: the last change about each key. What many wait for alike is merged once for all of them. */
export function merged(told: readonly Told[]): Told['changes'] {
  const [only] = told;
  if (told.length === 1 && only) return only.changes;
  const changesOf = (isShared: boolean): Told['changes'][] => told.filter((each) => each.isShared === isShared).map(({ changes }) => changes);
  const shared = changesOf(true);
  const own = changesOf(false);
  if (own.length === 0) return lastOfShared(shared).changes;
  const mine = new LastOfEach(own);
  if (shared.length === 0) return mine.changes;
  const ours = lastOfShared(shared);
  // Which of two came later is lost between the two.
  if (mine.changes.some((change) => ours.hasKeyOf(change))) return new LastOfEach(told.map(({ changes }) => changes)).changes;
  return joinedInOrder(ours.changes, mine.changes);
}

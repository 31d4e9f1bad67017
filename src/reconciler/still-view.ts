/** A view that stays as it is, whatever becomes of the cluster: for what takes longer than a cluster stands still. */
import type { Steps } from '#base/pace/steps';
import { kinds, type Kind, type ObjectOf } from '#model/object/object';
import { Store } from '#store/store';
import type { View } from '#store/view';

/** So many objects a step. */
const objectsInStep = 500;

/** All of `view` as it is now: objects are never changed, so a list of them is enough for this turn, and the rest has time. */
export function stillView(view: View): Steps<View> {
  return filled(kinds.map((kind): [Kind, readonly ObjectOf[Kind][]] => [kind, [...view.list(kind)]]));
}

function* filled(lists: readonly [Kind, readonly ObjectOf[Kind][]][]): Steps<View> {
  const store = new Store();
  for (const [kind, objects] of lists)
    for (let at = 0; at < objects.length; at += objectsInStep) {
      store.load(kind, objects.slice(at, at + objectsInStep));
      yield;
    }
  return store;
}

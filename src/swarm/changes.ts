/** What became different between two looks at a Docker Swarm, as watchers hear it. */
import { equal } from '#base/equal';
import { kinds, type Kind } from '#model/object/object';
import type { StoreEvent } from '#store/action';
import type { View } from '#store/view';

/** Events from `before` to `after`, kind by kind. */
export function changesBetween(before: View, after: View): StoreEvent[] {
  return kinds.flatMap((kind) => changesOfKind(kind, before, after));
}

function changesOfKind(kind: Kind, before: View, after: View): StoreEvent[] {
  const events: StoreEvent[] = [];
  for (const object of after.list(kind)) {
    const previous = before.get(kind, object.ID);
    if (previous && equal(previous, object)) continue;
    events.push({ kind, id: object.ID, object, ...(previous && { previous }) } as StoreEvent);
  }
  for (const previous of before.list(kind)) if (!after.get(kind, previous.ID)) events.push({ kind, id: previous.ID, previous } as StoreEvent);
  return events;
}

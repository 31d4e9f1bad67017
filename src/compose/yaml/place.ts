/** Where in a file the value at a path stands. */
import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Node, Pair } from 'yaml';
import type { Path } from '../value.ts';

/** Counted from 1. */
export interface Place {
  line: number;
  column: number;
}

/** Follows `path` as far as it goes in the text itself (aliases and merge keys end it) and gives the place of the last step's key. */
export function placeOf(root: Node | null, path: Path, place: (offset: number) => Place): Place | undefined {
  let node = root;
  let offset = root?.range?.[0];
  for (const step of path) {
    if (isAlias(node)) break;
    if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (!item) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else if (isMap(node)) {
      const pair = node.items.find((candidate) => isScalar(candidate.key) && String(candidate.key.value) === String(step)) as Pair | undefined;
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else break;
  }
  return offset === undefined ? undefined : place(offset);
}

/** Which task serves which clients, so that one who comes again meets the same: when a task goes only its own clients meet another. */
import { hashText } from '#base/random';

/** Clients are dealt out over so many places. */
const places = 128;

/** For each place one of `targets`, by the highest weight: what a place has does not depend on the other targets that stay. */
export function dealtOut(targets: readonly string[]): string[] {
  return Array.from({ length: places }, (_, place) => {
    let best = '';
    let highest = -1;
    for (const target of targets) {
      const weight = weigh(`${place} ${target}`);
      if (weight > highest || (weight === highest && target > best)) [best, highest] = [target, weight];
    }
    return best;
  });
}

/** The place of a client who is met by this process; the kernel has a rule of its own for the others. */
export function placeOf(client: string): number {
  return weigh(client) % places;
}

/** FNV-1a with the last mixing of MurmurHash3: even, and cheap enough for every change. */
function weigh(text: string): number {
  let hash = hashText(text);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

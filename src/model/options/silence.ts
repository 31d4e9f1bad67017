/**
 * How often nodes beat, and how long a leader waits for one that does not. Counted in periods of `--dispatcher-heartbeat` (1 s), which
 * is the longest that a node is told to wait.
 *
 * The leader tells a node after which time it beats next: `beat` periods, up to a tenth less by chance, never more. From the arrival of
 * that beat on the node may be silent for `silent` periods. A link is cut at any time between two beats, so its node is down
 * - at the earliest `silent - beat` after the cut, when a beat was just due: 2.6 periods, 2.8 in a large cluster;
 * - at the latest `silent` after the cut, when a beat had just come: 3.0 and 3.8, for a node is down within four.
 *
 * A break of two periods is to harm nobody. The node may have been heard for the last time `beat` before it, so that
 * `silent - beat - 2` are left for its next beat to come over a connection that is made anew: 0.6 periods, and 0.8.
 *
 * A beat costs a leader a quarter of a millisecond: five nodes may beat often, a thousand may not.
 */
interface Pace {
  beat: number;
  silent: number;
}

const few: Pace & { nodes: number } = { nodes: 100, beat: 0.4, silent: 3 };
const many: Pace & { nodes: number } = { nodes: 400, beat: 1, silent: 3.8 };

/** However few they are, no leader waits for a shorter time after a beat. In periods. */
export const leastSilent = few.silent;

/** As long a leader waits that has not heard a node yet. In periods. */
export const mostSilent = many.silent;

/** At most so many periods pass between two beats: this version says less, one of before said this. */
export const latestBeat = 1.1;

/** For a leader of so many nodes; between few and many both times grow evenly. In periods. */
export function paceOf(nodes: number): Pace {
  const share = Math.min(Math.max((nodes - few.nodes) / (many.nodes - few.nodes), 0), 1);
  const between = (from: number, to: number): number => from + share * (to - from);
  return { beat: between(few.beat, many.beat), silent: between(few.silent, many.silent) };
}

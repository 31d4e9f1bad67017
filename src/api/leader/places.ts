/** The one table of what is asked of this node itself, and what of the leader. */

/** Of the node: its engine, its part in the cluster, what it measures. Networks and containers are of both: their routes decide by what is asked. */
const here = /^\/(_ping|version|info|events|metrics|healthz|networks|containers|exec|swarm\/(init|join|leave|unlock)|shoal\/v1\/restore)(\/|$)/;

/** What may be large and is sent on as it comes: whoever has it half cannot be asked again. */
const streamed = /^\/shoal\/v1\/repositories\/[^/]+\/git\/git-(upload|receive)-pack$/;

export function isStreamed(path: string): boolean {
  return streamed.test(path);
}

export function isLeaders(path: string): boolean {
  return !here.test(path);
}

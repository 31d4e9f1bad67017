/** Which name servers a container of the cluster asks. */

/**
 * Stands for the name server of another host, whichever has the container's networks just now: what a container asks there is led on inside of it. The
 * list of a container stays as it was made, while networks come to hosts and go. Of no network, so that it is nobody's.
 */
export const elsewhereServer = '169.254.53.53';

/**
 * The list of a container: its own host's server first, by the first of `gateways` (this host's addresses in its networks), and another host's. `own` are
 * servers that were asked for: these alone know what names mean that are not the cluster's, and another host does not know that, so they come in its place,
 * and behind them this host's addresses in further networks, for a container that leaves the first one. Who asks another host's needs none: see there.
 */
export function nameServersOf(gateways: readonly string[], own: readonly string[] = []): string[] {
  const [first, ...more] = gateways.filter(Boolean);
  if (first === undefined) return [...own];
  return own.length === 0 ? [first, elsewhereServer] : [...new Set([first, ...own, ...more])];
}

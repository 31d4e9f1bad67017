/** How a cluster network is called in the kernel of a node. */

const prefix = 'sh-';
/** Interface names hold 15 characters at most. */
const idLength = 11;

/** Name of the bridge that carries `networkId` on every node. */
export function bridgeName(networkId: string): string {
  return prefix + networkId.slice(0, idLength);
}

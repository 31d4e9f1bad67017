/** Containers that are no task's, on attachable networks of the cluster. */

/** Label of a container that is no task's and was made on attachable networks: the key that stood for it until it had an id. */
export const guestKeyLabel = 'shoal.guest.key';
const guestKeyPrefix = 'making-';

export function guestKey(unique: string): string {
  return `${guestKeyPrefix}${unique}`;
}

/** No container's id begins so. */
export function isGuestKey(text: string): boolean {
  return text.startsWith(guestKeyPrefix);
}

/** What is asked for such a container. */
export interface GuestRequest {
  /** While the container is being made, a key that nobody else has. */
  containerId: string;
  name: string;
  /** Id or name. */
  network: string;
  aliases: readonly string[];
  address?: string;
}

/** What the container is to be given on a network. */
export interface GuestPlace {
  taskId: string;
  networkId: string;
  /** The engine's name of it. */
  network: string;
  /** Without prefix length. */
  address: string;
  /** This node's own address there: names are asked for at it. */
  gateway: string;
}

/** Containers that are no task's and are on the cluster's networks, as their engine shows them. */
import type { AttachedNetwork } from '#model/object/network';

export interface Guest {
  containerId: string;
  name: string;
  pid?: number;
  /** It does not run, and its engine is not just about to start it again. */
  ended: boolean;
  /** Cluster networks that it is to be on, by id, whether it runs or not. */
  networkIds: readonly string[];
  /** The addresses that it starts with there, by network, where it was made with one. */
  addresses: Readonly<Record<string, string>>;
  /** Name servers that it was made with; none: the engine asks those of the host. */
  nameServers: readonly string[];
  /** What it has while it runs. */
  networks: readonly AttachedNetwork[];
}

export interface GuestEngine {
  /** By its id, or by the key that it was made under. Undefined: there is no such container. Throws when the engine does not answer. */
  look(containerId: string): Promise<Guest | undefined>;
  /** Takes it off a network, whatever it does there; one that is not there is well. */
  disconnect(containerId: string, networkId: string): Promise<void>;
  /**
   * Another address for one that does not run: it starts with that, and with all else that it had there. One that cannot have it keeps the
   * former. With the host's own address on the network it is parked: the engine refuses to start it, whoever asks.
   */
  move(containerId: string, networkId: string, address: string): Promise<void>;
  /** Calls `changed` with the id of each container that starts, ends or goes, or leaves a network; and without one when some may have been missed. */
  watch(changed: (containerId: string | undefined) => void, signal: AbortSignal): void;
  /** The engine's name of a cluster network. */
  networkName(networkId: string): string;
}

/** What the agent asks of a node's network: bridges made ready, names and published ports kept up. */
import type { ServiceEndpoint } from '#model/assignment';
import type { Network } from '#model/network';

/** A cluster network on this node, with the node's own address in it. */
export interface LocalNetwork {
  network: Network;
  gateway: string;
}

export interface NodeNetwork {
  start(signal: AbortSignal): Promise<void>;
  /** After the bridge exists and before containers are attached; again after a restart of the agent. Rejects when it cannot be served. */
  networkCreated(network: Network, gateway: string): Promise<void>;
  /** Before the bridge goes. */
  networkRemoved(networkId: string): Promise<void>;
  /** The whole wanted state of names and published ports; resolves when it is in force. */
  update(endpoints: readonly ServiceEndpoint[], networks: readonly LocalNetwork[]): Promise<void>;
  /** Ends serving; what is in the kernel may stay. */
  stop(): Promise<void>;
}

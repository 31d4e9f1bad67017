/** A cluster network. The API's flat form of it is made at the API's door. */
import type { Labels, Meta } from './meta.ts';

export interface Network extends Meta {
  Spec: NetworkSpec;
  /** What the allocator gave it; absent until then. */
  IPAMOptions?: { Driver?: { Name?: string }; Configs?: readonly IPAMConfig[] };
  DriverState?: { Name: string; Options?: Readonly<Record<string, string>> };
}

export interface IPAMConfig {
  Subnet?: string;
  Range?: string;
  Gateway?: string;
}

export interface NetworkSpec {
  Name: string;
  Labels?: Labels;
  /** overlay, also written bridge by people with one host. */
  Driver?: string;
  Options?: Readonly<Record<string, string>>;
  EnableIPv6?: boolean;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  IPAM?: {
    Driver?: string;
    Options?: Readonly<Record<string, string>>;
    Config?: readonly { Subnet?: string; IPRange?: string; Gateway?: string; AuxiliaryAddresses?: Labels }[];
  };
}

/** What an engine really gave a container on a cluster network. */
export interface AttachedNetwork {
  networkId: string;
  /** Without prefix length. */
  address: string;
  macAddress: string;
}

/** Networks that every engine has of its own: they are attached to by name and never allocated. */
export const nodeLocalNetworks: readonly string[] = ['host', 'bridge', 'none'];

/** Label of the Docker networks that stand for a cluster network on a node: its id. */
export const networkIdLabel = 'shoal.network.id';

/** Interface names hold 15 characters at most. */
const bridgeIdLength = 11;

/** Driver option, as Swarm has it: the number that a network's packets between hosts carry. */
export const networkNumberOption = 'com.docker.network.driver.overlay.vxlanid_list';

/** The gateway that its maker asked for; undefined where the managers choose. */
export function chosenGateway({ Spec }: Pick<Network, 'Spec'>): string | undefined {
  return Spec.IPAM?.Config?.find(({ Gateway }) => Gateway)?.Gateway;
}

/** Undefined while the managers have given it none. */
export function networkNumber({ DriverState }: Network): number | undefined {
  const number = Number(DriverState?.Options?.[networkNumberOption] ?? 0);
  return number > 0 ? number : undefined;
}

/** Name of the device that carries `networkId` between hosts. */
export function tunnelName(networkId: string): string {
  return `vx-${networkId.slice(0, bridgeIdLength)}`;
}

/** Name of the bridge that carries `networkId` on every node. */
export function bridgeName(networkId: string): string {
  return `sh-${networkId.slice(0, bridgeIdLength)}`;
}

/** A cluster network. The API's flat form of it is made at the API's door. */
import type { Labels, Meta } from './meta.ts';

export interface Network extends Meta {
  Spec: NetworkSpec;
  /** What the allocator gave it; absent until then. */
  IPAMOptions?: { Driver?: { Name?: string; Options?: Labels }; Configs?: readonly IPAMConfig[] };
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

/** Drivers that every engine has without a plugin, for networks of its own. */
export const engineDrivers: readonly string[] = ['bridge', 'host', 'null', 'macvlan', 'ipvlan'];

/** Networks that every engine has of its own: they are attached to by name and never allocated. */
export const nodeLocalNetworks: readonly string[] = ['host', 'bridge', 'none'];

/** Under these they are shown to clients, which expect an id of the cluster's where a service names a network. */
const nodeLocalIds: ReadonlyMap<string, string> = new Map(nodeLocalNetworks.map((name) => [name, name.padEnd(25, '0')]));

/** The id that stands for one of the engine's own networks; any other text as it is. */
export function shownNetworkId(idOrName: string): string {
  return nodeLocalIds.get(idOrName) ?? idOrName;
}

/** The name of the engine's own network that is meant by its name or by the id that is shown for it. */
export function nodeLocalName(ref: string): string | undefined {
  return nodeLocalNetworks.find((name) => ref === name || ref === nodeLocalIds.get(name));
}

/** Label of the Docker networks that stand for a cluster network on a node: its id. */
export const networkIdLabel = 'shoal.network.id';

/** Interface names hold 15 characters at most. */
const bridgeIdLength = 11;

/** Driver option, as Swarm has it: the number that a network's packets between hosts carry. */
export const networkNumberOption = 'com.docker.network.driver.overlay.vxlanid_list';

/** Option of the addresses, as Swarm has it: they are given one after the other. */
export const serialOption = 'com.docker.network.ipam.serial';

/** Driver option, as Docker has it: packets between hosts are encrypted. */
export const encryptedOption = 'encrypted';

const off: ReadonlySet<string> = new Set(['false', 'f', '0', 'no', 'off']);

/** Whatever is not plainly off is on: people write `yes`, Docker's own command line nothing at all. */
export function isEncrypted({ Spec }: { Spec: Pick<NetworkSpec, 'Options'> }): boolean {
  const value = Spec.Options?.[encryptedOption];
  return value !== undefined && !off.has(value.toLowerCase());
}

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

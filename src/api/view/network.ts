/** A cluster network in the Engine API's two forms: flat in the network routes, nested in a task. */
import { nodeLocalName, shownNetworkId, type Network, type NetworkSpec } from '#model/object/network';

/** Flat network resource, as far as we read it ourselves; the rest is passed on as it came. */
export interface NetworkResource {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  Labels: Readonly<Record<string, string>> | null;
  Containers?: object | null;
  [key: string]: unknown;
}

/** The network as `network inspect` shows it. IPAM is what the allocator gave, or else what was asked for. */
export function shownNetwork(network: Network): NetworkResource {
  const { Spec } = network;
  const given = network.IPAMOptions?.Configs?.map(({ Subnet, Range, Gateway }) => ({
    ...(Subnet !== undefined && { Subnet }),
    ...(Range !== undefined && { IPRange: Range }),
    ...(Gateway !== undefined && { Gateway }),
    ...auxiliary(Spec, Subnet),
  }));
  return {
    Name: Spec.Name,
    Id: network.ID,
    Created: network.CreatedAt,
    Scope: 'swarm',
    Driver: Spec.Driver === undefined || Spec.Driver === '' ? 'overlay' : Spec.Driver,
    EnableIPv6: Spec.EnableIPv6 ?? false,
    IPAM: {
      Driver: Spec.IPAM?.Driver || 'default',
      Options: network.IPAMOptions?.Driver?.Options ?? Spec.IPAM?.Options ?? null,
      Config: given ?? Spec.IPAM?.Config ?? [],
    },
    Internal: Spec.Internal ?? false,
    Attachable: Spec.Attachable ?? false,
    Ingress: Spec.Ingress ?? false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: null,
    Options: network.DriverState?.Options ?? Spec.Options ?? null,
    Labels: Spec.Labels && Object.keys(Spec.Labels).length > 0 ? Spec.Labels : null,
  };
}

/** Addresses that nobody is given. */
function auxiliary({ IPAM }: NetworkSpec, subnet: string | undefined): object {
  const config = IPAM?.Config?.find(({ Subnet }) => Subnet !== undefined && Subnet === subnet);
  return config?.AuxiliaryAddresses && Object.keys(config.AuxiliaryAddresses).length > 0 ? { AuxiliaryAddresses: config.AuxiliaryAddresses } : {};
}

/**
 * The swarm-scoped face of a network that every engine has of its own: `service create --network host`
 * asks for it and then names it by this id.
 */
export function predefinedNetwork(ref: string): NetworkResource | undefined {
  const name = nodeLocalName(ref);
  if (name === undefined) return undefined;
  return {
    Name: name,
    Id: shownNetworkId(name),
    Created: '0001-01-01T00:00:00Z',
    Scope: 'swarm',
    Driver: name === 'none' ? 'null' : name,
    EnableIPv6: false,
    IPAM: { Driver: '', Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: null,
    Options: null,
    Labels: { 'com.docker.swarm.predefined': 'true' },
  };
}

/**
 * Inside a task a network keeps its nested form (ID, Spec, DriverState, IPAMOptions), as Docker shows it there.
 * An engine's own, and one that is gone, have no times of their own, and Go's clients read no empty one.
 */
export function nestedNetwork(network: Network, taskCreatedAt: string): object {
  const { Version, Spec, DriverState, IPAMOptions } = network;
  const { Driver, Options, IPAM, EnableIPv6, Internal, Attachable, ...spec } = Spec;
  return {
    ID: shownNetworkId(network.ID),
    Version,
    CreatedAt: network.CreatedAt || taskCreatedAt,
    UpdatedAt: network.UpdatedAt || taskCreatedAt,
    Spec: {
      ...spec,
      Labels: Spec.Labels ?? {},
      ...(EnableIPv6 && { IPv6Enabled: true }),
      ...(Internal && { Internal }),
      ...(Attachable && { Attachable }),
      DriverConfiguration: named(Driver || 'overlay', Options),
      ...(IPAM && { IPAMOptions: nestedIpam(IPAM) }),
      Scope: 'swarm',
    },
    ...(DriverState && { DriverState }),
    ...(IPAMOptions && { IPAMOptions }),
  };
}

/** Two shapes of one thing: a request names the driver by a text and says IPRange, a task has an object and says Range. */
function nestedIpam({ Driver, Options, Config }: NonNullable<NetworkSpec['IPAM']>): object {
  const configs = Config?.map(({ Subnet, IPRange, Gateway }) => ({
    ...(Subnet !== undefined && { Subnet }),
    ...(IPRange !== undefined && { Range: IPRange }),
    ...(Gateway !== undefined && { Gateway }),
  }));
  return { Driver: named(Driver || 'default', Options), ...(configs?.length && { Configs: configs }) };
}

function named(Name: string, Options: Readonly<Record<string, string>> | undefined): object {
  return { Name, ...(Options && Object.keys(Options).length > 0 && { Options }) };
}

/** Docker's JSON as our objects. */
import type { NetworkSpec, Network } from '#model/object/network';
import type { Service } from '#model/object/service';
import type { NetworkAttachment, Task } from '#model/object/task';

/** The parts of a listed network that we read. */
export interface DockerNetwork {
  Id: string;
  Name: string;
  Created: string;
  Driver: string;
  EnableIPv6?: boolean;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  Options?: Readonly<Record<string, string>> | null;
  Labels?: Readonly<Record<string, string>> | null;
  /** Only nodes know these of their own copies; the swarm's networks have null and nothing. */
  Containers?: object | null;
  Peers?: readonly object[];
  IPAM?: { Driver?: string; Options?: Readonly<Record<string, string>> | null; Config?: NonNullable<NetworkSpec['IPAM']>['Config'] | null };
}

export type DockerService = Omit<Service, 'Shoal'>;
/** A task's attachments come without addresses where Docker has none to tell: of host networks, and before a node has the task. */
export type DockerTask = Omit<Task, 'Shoal' | 'NetworksAttachments'> & {
  NetworksAttachments?: readonly (Omit<NetworkAttachment, 'Addresses'> & { Addresses?: readonly string[] | null })[] | null;
};

/** On every network that services can attach to by the name of a node's own one. */
export const predefinedLabel = 'com.docker.swarm.predefined';
const chosenByEngine = 'com.docker.network.driver.overlay.vxlanid_list';

/** A node's copy of a network that the swarm has removed: it is listed until the last container has left it. */
export function isLeftover(docker: DockerNetwork): boolean {
  return Boolean(docker.Containers) && docker.Peers !== undefined;
}

/** A network has no version in Docker's answers; nothing of one ever changes. */
export function networkOf(docker: DockerNetwork): Network {
  const { [chosenByEngine]: _ids, ...Options } = docker.Options ?? {};
  const { Driver, Options: ipamOptions, Config } = docker.IPAM ?? {};
  return {
    ID: docker.Id,
    Version: { Index: 0 },
    CreatedAt: docker.Created,
    UpdatedAt: docker.Created,
    Spec: {
      Name: docker.Name,
      Labels: docker.Labels ?? {},
      Driver: docker.Driver,
      ...(Object.keys(Options).length > 0 && { Options }),
      EnableIPv6: docker.EnableIPv6 ?? false,
      Internal: docker.Internal ?? false,
      Attachable: docker.Attachable ?? false,
      Ingress: docker.Ingress ?? false,
      IPAM: { ...(Driver && { Driver }), ...(ipamOptions && { Options: ipamOptions }), Config: Config ?? [] },
    },
  };
}

/** `value` with every id that is a key of `ids` replaced: ids are 25 random characters and nothing else looks like one. */
export function withIds<T>(value: T, ids: ReadonlyMap<string, string>): T {
  if (ids.size === 0) return value;
  if (typeof value === 'string') return (ids.get(value) ?? value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => withIds(item, ids)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withIds(member as unknown, ids)])) as T;
}

/** Published ports of services: what is meant where nothing is said, and when two of them are the same. */
import { isUnspecified } from '../address.ts';
import type { PortConfig } from '../object/service-spec.ts';
import type { Task } from '../object/task.ts';

export type Protocol = NonNullable<PortConfig['Protocol']>;

/** The numbers that the cluster gives to ports which are published without one. */
export const dynamicPorts = { first: 30_000, last: 32_767 };

export function protocolOf(port: { readonly Protocol?: PortConfig['Protocol'] }): Protocol {
  return port.Protocol || 'tcp';
}

/** Every node answers on it; otherwise only the task's own node does. */
export function isIngress(port: PortConfig): boolean {
  return publishModeOf(port) === 'ingress';
}

export function publishModeOf(port: Pick<PortConfig, 'PublishMode'>): NonNullable<PortConfig['PublishMode']> {
  return port.PublishMode || 'ingress';
}

/** A published number in its protocol, `tcp/8080`: what a host has once. `number` stands for one that is to be given. */
export function publishedKey(port: PortConfig, number = port.PublishedPort ?? 0): string {
  return `${protocolOf(port)}/${number}`;
}

/** A container's port as the Engine API writes it: `80/tcp`. */
export function targetKey(port: PortConfig): string {
  return `${port.TargetPort ?? 0}/${protocolOf(port)}`;
}

/** What `80/tcp` says, or `80` alone, which is tcp; undefined for what is no port of a container. */
export function parseTargetKey(text: string): Required<Pick<PortConfig, 'TargetPort' | 'Protocol'>> | undefined {
  const [, number = '', protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  const TargetPort = Number(number);
  return number === '' || TargetPort > 0xffff ? undefined : { TargetPort, Protocol: protocol as Protocol };
}

/** The one address of a node that the port is published for; '' when for all. */
export function hostAddressOf(port: PortConfig): string {
  const address = port.Shoal?.HostIP ?? '';
  return isUnspecified(address) ? '' : address.replace(/^\[(.*)\]$/, '$1');
}

/** The ports that the task's container takes on its node directly. */
export function hostPortsOf(task: Task): readonly PortConfig[] {
  const ports = task.Shoal.Ports ?? task.Shoal.EndpointSpec?.Ports ?? [];
  return ports.filter((port) => !isIngress(port));
}

/** As lists of services and tasks show it: `*:8080->80/tcp`. */
export function portText(port: PortConfig): string {
  return `*:${port.PublishedPort ?? 0}->${targetKey(port)}`;
}

/** Ports by what `keyOf` says of them, each list in their order. */
export function listedBy<P>(ports: readonly P[], keyOf: (port: P) => string): Map<string, P[]> {
  const lists = new Map<string, P[]>();
  for (const port of ports) {
    const list = lists.get(keyOf(port));
    if (list) list.push(port);
    else lists.set(keyOf(port), [port]);
  }
  return lists;
}

/** Endpoints and networks for tests of names and published ports. */
import type { EndpointTask, ServiceEndpoint } from '#model/object/assignment';
import { networkNumberOption, type Network } from '#model/object/network';
import type { PortConfig } from '#model/object/service-spec';

export function clusterNetwork(id: string, more: Partial<Network['Spec']> = {}): Network {
  return { ID: id, Version: { Index: 1 }, CreatedAt: '', UpdatedAt: '', Spec: { Name: id, ...more } };
}

/** A network that spans hosts. */
export function numberedNetwork(id: string, number: number, more: Partial<Network['Spec']> = {}): Network {
  return { ...clusterNetwork(id, more), DriverState: { Name: 'overlay', Options: { [networkNumberOption]: String(number) } } };
}

/** A task on networks given as `network address alias…`. */
export function endpointTask(id: string, slot: number, ready: boolean, ...networks: string[]): EndpointTask {
  return {
    TaskID: id,
    NodeID: 'node1',
    Slot: slot,
    Ready: ready,
    Networks: networks.map((text) => {
      const [NetworkID = '', Address = '', ...Aliases] = text.split(' ');
      return { NetworkID, Address, Aliases };
    }),
  };
}

/** Ports as `PUBLISHED:TARGET/PROTOCOL`. */
export function serviceEndpoint(name: string, ports: readonly (string | PortConfig)[], tasks: readonly EndpointTask[]): ServiceEndpoint {
  return { ServiceID: `id-${name}`, Name: name, Ports: ports.map((port) => (typeof port === 'string' ? portOf(port) : port)), Tasks: tasks };
}

function portOf(text: string): PortConfig {
  const [, published, target, protocol] = /^(\d+):(\d+)\/(tcp|udp|sctp)$/.exec(text) ?? [];
  return { Protocol: protocol as 'tcp', PublishedPort: Number(published), TargetPort: Number(target), PublishMode: 'ingress' };
}

/** A service on two networks of a host, as the managers tell of it. */
import type { ServiceEndpoint } from '#model/object/assignment';
import type { Network } from '#model/object/network';

const meta = { Version: { Index: 1 }, CreatedAt: '', UpdatedAt: '' };
const subnet = (Subnet: string) => ({ IPAMOptions: { Configs: [{ Subnet }] } });
const web = { ID: 'webnetworkidwebnetworkid1', ...meta, ...subnet('10.91.1.0/24'), Spec: { Name: 'web_default', Labels: {} } } as Network;
const ingress = { ID: 'ingressidingressidingress', ...meta, ...subnet('10.91.2.0/24'), Spec: { Name: 'ingress', Labels: {}, Ingress: true } } as Network;
export const networks = [
  { network: web, gateway: '10.91.1.1' },
  { network: ingress, gateway: '10.91.2.1' },
];
export const names = ['one', 'two', 'three'];

export function endpoint(ready: readonly string[], more: Partial<ServiceEndpoint> = {}): ServiceEndpoint {
  return {
    ServiceID: 'service1',
    Name: 'web_api',
    Ports: [
      { Protocol: 'tcp', TargetPort: 80, PublishedPort: 18080, PublishMode: 'ingress' },
      { Protocol: 'udp', TargetPort: 5353, PublishedPort: 18053, PublishMode: 'ingress' },
    ],
    Tasks: names.map((name, index) => ({
      TaskID: name,
      NodeID: 'node1',
      Slot: index + 1,
      Ready: ready.includes(name),
      Networks: [
        { NetworkID: ingress.ID, Address: `10.91.2.1${index}`, Aliases: [] },
        { NetworkID: web.ID, Address: `10.91.1.1${index}`, Aliases: ['api'] },
      ],
    })),
    ...more,
  };
}

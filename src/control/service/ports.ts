/** Published ports of different services must not clash. */
import { Refusal } from '#base/refusal';
import type { Service } from '#model/object/service';
import type { PortConfig, ServiceSpec } from '#model/object/service-spec';
import { clash, isIngress, protocolOf } from '#model/port/port';
import type { View } from '#store/view';
import { ingressNetwork } from '../networks.ts';

/**
 * Refuses ports that another service holds (swarmkit checkPortConflicts): where one of the two is in ingress mode,
 * for then every node answers on it. Host against host is left to the scheduler, which puts the tasks apart.
 */
export function checkPorts(view: View, spec: ServiceSpec, serviceId: string): void {
  const wanted = (spec.EndpointSpec?.Ports ?? []).filter((port) => port.PublishedPort);
  const ingress = (spec.EndpointSpec?.Ports ?? []).some(isIngress);
  if (ingress && !ingressNetwork(view)) {
    throw new Refusal('failedPrecondition', 'service needs ingress network, but no ingress network is present');
  }
  if (wanted.length === 0) return;
  for (const other of view.list('service')) {
    if (other.ID === serviceId) continue;
    for (const port of wanted) refuseClash(port, heldPorts(other), `'${other.Spec.Name}' (${other.ID})`);
  }
}

/** What the spec says, and the numbers that the cluster chose where it says none; others in the endpoint may be on their way out. */
function heldPorts(service: Service): PortConfig[] {
  const said = service.Spec.EndpointSpec?.Ports ?? [];
  const open = said.filter((port) => !port.PublishedPort);
  const chosen = (service.Endpoint?.Ports ?? []).filter((port) =>
    open.some((wanted) => wanted.TargetPort === port.TargetPort && protocolOf(wanted) === protocolOf(port)),
  );
  return [...said, ...chosen];
}

function refuseClash(port: PortConfig, held: readonly PortConfig[], owner: string): void {
  for (const other of held) {
    if (!clash(port, other)) continue;
    const how = isIngress(other) ? 'as an ingress port' : 'as a host-published port';
    throw new Refusal('invalidArgument', `port '${port.PublishedPort}' is already in use by service ${owner} ${how}`);
  }
}

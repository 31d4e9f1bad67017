/** `service ls` and `stack services`: one line a service. */
import { compareTexts } from '#base/text/text';
import type { Service } from '#model/object/service';
import { modeOf } from '#model/object/service';
import type { PortConfig } from '#model/object/service-spec';
import { isIngress, protocolOf } from '#model/port/port';
import { listLines, type Column, type ListOptions } from '../../output/list.ts';
import { compareNatural } from '../../output/natural.ts';
import { familiarImage } from '#model/image/image-reference';

export interface ListedService extends Service {
  ServiceStatus?: { RunningTasks: number; DesiredTasks: number; CompletedTasks: number };
}

const columns: readonly Column<ListedService>[] = [
  { heading: 'ID', key: 'ID', text: (service) => service.ID.slice(0, 12) },
  { heading: 'NAME', key: 'Name', text: (service) => service.Spec.Name },
  { heading: 'MODE', key: 'Mode', text: (service) => modeOf(service.Spec).replace('-', ' ') },
  { heading: 'REPLICAS', key: 'Replicas', text: replicasText },
  { heading: 'IMAGE', key: 'Image', text: (service) => familiarImage(service.Spec.TaskTemplate.ContainerSpec?.Image ?? '') },
  { heading: 'PORTS', key: 'Ports', text: (service) => portsText(service.Endpoint?.Ports ?? []) },
];

export function serviceLines(services: readonly ListedService[], options: ListOptions): Promise<string[]> {
  const sorted = [...services].sort((a, b) => compareNatural(a.Spec.Name, b.Spec.Name));
  return listLines(sorted, columns, options, (service) => service.ID.slice(0, 12));
}

function replicasText(service: ListedService): string {
  const { RunningTasks = 0, DesiredTasks = 0, CompletedTasks = 0 } = service.ServiceStatus ?? {};
  const count = `${RunningTasks}/${DesiredTasks}`;
  const mode = modeOf(service.Spec);
  if (mode === 'replicated-job') return `${count} (${CompletedTasks}/${service.Spec.Mode?.ReplicatedJob?.TotalCompletions ?? 1} completed)`;
  if (mode === 'global-job') return `${count} (${CompletedTasks}/${DesiredTasks + CompletedTasks} completed)`;
  const limit = service.Spec.TaskTemplate.Placement?.MaxReplicas ?? 0;
  return mode === 'replicated' && limit > 0 ? `${count} (max ${limit} per node)` : count;
}

/**
 * `*:8080->80/tcp`; runs of consecutive ports are joined.
 * @internal
 */
export function portsText(ports: readonly PortConfig[]): string {
  const ingress = ports.filter((port) => isIngress(port) && port.PublishedPort);
  ingress.sort((a, b) => compareTexts(protocolOf(a), protocolOf(b)) || (a.PublishedPort ?? 0) - (b.PublishedPort ?? 0));
  const runs: { protocol: string; published: number; target: number; count: number }[] = [];
  for (const port of ingress) {
    const [protocol, published, target] = [protocolOf(port), port.PublishedPort ?? 0, port.TargetPort ?? 0];
    const last = runs.at(-1);
    if (last?.protocol === protocol && published === last.published + last.count && target === last.target + last.count) last.count += 1;
    else runs.push({ protocol, published, target, count: 1 });
  }
  const range = (first: number, count: number): string => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
  return runs.map((run) => `*:${range(run.published, run.count)}->${range(run.target, run.count)}/${run.protocol}`).join(', ');
}

/** What nodes are to hold of services by the store: to be compared with what they say they hold. */
import type { Steps } from '#base/pace/steps';
import { endpointDigest } from '#model/doctor/examination';
import type { Backend, EndpointTask, ServiceItem } from '#model/object/assignment';
import { addressedNetworksOf } from '#model/object/service';
import { isIngress } from '#model/port/port';
import type { Task } from '#model/object/task';
import type { View } from '#store/view';
import { needsOf, type Topic } from './audience.ts';
import { itemKey, itemOf, serviceIdOf } from './item.ts';

export interface HeldService {
  name: string;
  digest: string;
}

interface Known {
  service: ServiceItem;
  tasks: { task: EndpointTask; topics: readonly Topic[] }[];
  published: boolean;
  /** Who knows of it without a task. */
  topics: readonly Topic[];
  /** Of all of its tasks, which is what most nodes hold. */
  whole?: string;
}

/** Tasks that are looked at in one step. */
const atOnce = 200;

/** Of each of the nodes: service → what it is to hold. */
export function* heldServices(view: View, nodeIds: ReadonlySet<string>): Steps<ReadonlyMap<string, ReadonlyMap<string, HeldService>>> {
  const services = new Map<string, Known>();
  const heard = new Map([...nodeIds].map((id): [string, Set<Topic>] => [id, new Set<Topic>(['all', `node:${id}`])]));
  for (const { ID } of view.list('service')) known(view, services, ID);
  let looked = 0;
  // Taken now: the state may change between the steps, and what differs is asked for again.
  for (const task of Array.from(view.list('task'))) {
    if (++looked % atOnce === 0) yield;
    take(view, task, services, heard);
  }
  const held = new Map<string, Map<string, HeldService>>();
  for (const [nodeId, topics] of heard) {
    yield;
    held.set(nodeId, heldBy(services, topics));
  }
  return held;
}

function take(view: View, task: Task, services: Map<string, Known>, heard: ReadonlyMap<string, Set<Topic>>): void {
  const found = known(view, services, serviceIdOf(task), task.ID);
  const needs = needsOf(task, found?.published ?? false);
  for (const network of needs?.networks ?? []) heard.get(task.NodeID)?.add(`network:${network}`);
  const backend = itemOf(view, itemKey('backend', task.ID));
  if (!found || !needs || backend?.kind !== 'backend') return;
  const topics = needs.places.flatMap(([key, topic]) => (key === itemKey('backend', task.ID) ? [topic] : []));
  if (topics.length > 0) found.tasks.push({ task: endpointTask(backend.item), topics });
}

function known(view: View, services: Map<string, Known>, id: string, taskId = ''): Known | undefined {
  const there = services.get(id);
  if (there) return there;
  const item = itemOf(view, itemKey('service', id)) ?? itemOf(view, itemKey('service', taskId));
  if (item?.kind !== 'service') return undefined;
  const service = view.get('service', id);
  const published = service?.Endpoint?.Ports?.some(isIngress) ?? false;
  const addressed = service ? addressedNetworksOf(service).map((network): Topic => `network:${network}`) : [];
  const made: Known = { service: item.item, tasks: [], published, topics: [...addressed, ...(published ? ['all' as const] : [])] };
  services.set(id, made);
  return made;
}

function heldBy(services: ReadonlyMap<string, Known>, topics: ReadonlySet<Topic>): Map<string, HeldService> {
  const held = new Map<string, HeldService>();
  for (const [id, each] of services) {
    const tasks = each.tasks.filter((task) => task.topics.some((topic) => topics.has(topic)));
    if (tasks.length === 0 && !each.topics.some((topic) => topics.has(topic))) continue;
    held.set(id, { name: each.service.Name, digest: digestOf(each, tasks) });
  }
  return held;
}

function digestOf(each: Known, tasks: Known['tasks']): string {
  const digest = (): string => endpointDigest({ ...each.service, Tasks: tasks.map(({ task }) => task) });
  if (tasks.length < each.tasks.length) return digest();
  return (each.whole ??= digest());
}

function endpointTask({ ID, ServiceID: _service, ...rest }: Backend): EndpointTask {
  return { TaskID: ID, ...rest };
}

/** Names of the cluster for who types a command: within a moment, or none. */
import type { Client } from '../client.ts';
import type { NameKind } from './candidates.ts';

/** Somebody waits at the keyboard. */
const patienceMs = 1500;
/** More than that nobody reads. */
const most = 500;

interface Named {
  ID?: string;
  Name?: string;
  Spec?: { Name?: string };
  Description?: { Hostname?: string };
  Slot?: number;
  NodeID?: string;
  DesiredState?: string;
  Shoal?: { ServiceName?: string };
}

type ApiKind = Exclude<NameKind, 'context'>;

const paths: Readonly<Record<ApiKind, string>> = {
  service: '/services',
  task: '/tasks',
  node: '/nodes',
  stack: '/shoal/v1/stacks',
  secret: '/secrets',
  config: '/configs',
  network: '/networks',
  repository: '/shoal/v1/repositories',
};

/** Sorted. A daemon that is away, slow or of another kind has none. */
export async function namesOf(client: Pick<Client, 'get'>, kinds: readonly NameKind[]): Promise<string[]> {
  const asked = Promise.all(kinds.map(async (kind) => (kind === 'context' ? [] : await ask(client, kind))));
  const late = new Promise<string[][]>((resolve) => setTimeout(() => resolve([]), patienceMs).unref());
  const found = (await Promise.race([asked, late])).flat().filter((name) => /^[\w.@:/-]+$/.test(name));
  return [...new Set(found)].toSorted().slice(0, most);
}

async function ask(client: Pick<Client, 'get'>, kind: ApiKind): Promise<string[]> {
  try {
    const objects = await client.get<Named[]>(paths[kind]);
    if (kind === 'task') return await taskNames(client, objects);
    return objects.map((object) => (kind === 'node' ? object.Description?.Hostname : (object.Spec?.Name ?? object.Name)) ?? '');
  } catch {
    return [];
  }
}

async function taskNames(client: Pick<Client, 'get'>, tasks: readonly (Named & { ServiceID?: string })[]): Promise<string[]> {
  const services = await client.get<Named[]>('/services');
  const names = new Map(services.map(({ ID, Spec }) => [ID, Spec?.Name ?? '']));
  return tasks.filter(({ DesiredState, Slot }) => DesiredState === 'running' && Slot).map(({ ServiceID, Slot }) => `${names.get(ServiceID) ?? ''}.${Slot}`);
}

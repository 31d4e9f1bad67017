/** Removes a stack's secrets, configs and networks that nothing of it names any more, on a plain Docker Swarm. */
import type { Secret } from '#model/secret';
import type { Service } from '#model/service';
import type { ServiceSpec } from '#model/service-spec';
import type { StackSpec } from '#model/stack';
import { ApiError } from '../client.ts';
import type { Session } from '../session.ts';
import { stackFilter } from './sequence.ts';

/** A service's previous spec counts as a user: a rollback needs what it names. What Docker says is in use stays. */
export async function pruneUnused(session: Session, stack: StackSpec): Promise<void> {
  const { client } = session;
  const filter = stackFilter(stack.Name);
  const services = await client.get<Service[]>('/services', filter);
  const specs = services.flatMap(({ Spec, PreviousSpec }) => (PreviousSpec ? [Spec, PreviousSpec] : [Spec]));
  const used = new Set([...specs.flatMap(namesIn), ...[...stack.Secrets, ...stack.Configs, ...stack.Networks].map((spec) => spec.Name)]);
  for (const kind of ['secret', 'config'] as const) {
    for (const { ID, Spec } of await client.get<Secret[]>(`/${kind}s`, filter)) if (!used.has(Spec.Name)) await removeUnused(session, kind, ID, Spec.Name);
  }
  for (const { Id, Name } of await client.get<{ Id: string; Name: string }[]>('/networks', filter)) {
    if (!used.has(Name) && !used.has(Id)) await removeUnused(session, 'network', Id, Name);
  }
}

function namesIn({ TaskTemplate: task }: ServiceSpec): string[] {
  const { Secrets = [], Configs = [] } = task.ContainerSpec ?? {};
  return [
    ...(Secrets ?? []).map((item) => item.SecretName),
    ...(Configs ?? []).map((item) => item.ConfigName),
    ...(task.Networks ?? []).map((item) => item.Target ?? ''),
  ];
}

async function removeUnused({ client, terminal }: Session, kind: string, id: string, name: string): Promise<void> {
  try {
    await client.delete(`/${kind}s/${id}`);
    terminal.out(`Removing ${kind} ${name}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

/** Removes old versions of a stack's secrets and configs that nothing of it names any more, on a plain Docker Swarm. */
import type { Labels } from '#model/object/meta';
import type { Secret } from '#model/object/secret';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { contentLabel } from '#model/version-names';
import { removeObject } from '#swarm/requests';
import { ApiError } from '../../client.ts';
import type { Session } from '../../session.ts';
import { stackFilter } from './sequence.ts';

/**
 * Only what a deploy of ours made goes: it carries the digest, or the word, by which versions are told. What merely has the stack's label stays.
 * A service's previous spec counts as a user: a rollback needs what it names. What Docker says is in use stays.
 */
export async function pruneUnused(session: Session, stack: StackSpec): Promise<void> {
  const { client } = session;
  const filter = stackFilter(stack.Name);
  const services = await client.get<Service[]>('/services', filter);
  const specs = services.flatMap(({ Spec, PreviousSpec }) => (PreviousSpec ? [Spec, PreviousSpec] : [Spec]));
  const used = new Set([...specs.flatMap(filesNamedIn), ...[...stack.Secrets, ...stack.Configs].map((spec) => spec.Name)]);
  for (const kind of ['secret', 'config'] as const) {
    for (const { ID, Spec } of await client.get<Secret[]>(`/${kind}s`, filter)) {
      if (isUnused(Spec, used)) await removeUnused(session, kind, ID, Spec.Name);
    }
  }
}

/** A version of content that a deploy made and nothing names any more. */
export function isUnused({ Name, Labels }: { Name: string; Labels?: Labels }, used: ReadonlySet<string>): boolean {
  return Labels?.[contentLabel] !== undefined && !used.has(Name);
}

/** Secrets and configs that a service names. */
export function filesNamedIn({ TaskTemplate: task }: ServiceSpec): string[] {
  const { Secrets = [], Configs = [] } = task.ContainerSpec ?? {};
  return [...(Secrets ?? []).map((item) => item.SecretName), ...(Configs ?? []).map((item) => item.ConfigName)];
}

async function removeUnused({ client, terminal }: Session, kind: 'secret' | 'config', id: string, name: string): Promise<void> {
  try {
    await removeObject(client, kind, id);
    terminal.out(`Removing ${kind} ${name}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

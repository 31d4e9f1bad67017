/** Secrets and configs by the ids that Docker wants in a service. */
import type { Secret } from '#model/object/secret';
import type { ServiceSpec } from '#model/object/service-spec';
import { filters, type Client } from '../../client.ts';
import { CommandError } from '../../command-error.ts';

/** Looks the names up; asks nothing when there are none. Throws CommandError for a name that is not there. */
export async function knownIds(client: Client, kind: 'secret' | 'config', names: readonly string[]): Promise<(name: string) => string> {
  if (names.length === 0) return () => '';
  const objects = await client.get<Secret[]>(`/${kind}s`, filters({ name: names }));
  const ids = new Map(objects.map((object) => [object.Spec.Name, object.ID]));
  const missing = names.find((name) => !ids.has(name));
  if (missing !== undefined) throw new CommandError(`${kind} not found: ${missing}`);
  return (name) => ids.get(name) ?? '';
}

/** The spec with ids where flags gave names only. */
export async function withReferences(client: Client, spec: ServiceSpec): Promise<ServiceSpec> {
  const container = spec.TaskTemplate.ContainerSpec ?? {};
  const secrets = container.Secrets?.filter((item) => !item.SecretID).map((item) => item.SecretName) ?? [];
  const configs = container.Configs?.filter((item) => !item.ConfigID).map((item) => item.ConfigName) ?? [];
  if (secrets.length + configs.length === 0) return spec;
  const secret = await knownIds(client, 'secret', secrets);
  const config = await knownIds(client, 'config', configs);
  const Secrets = container.Secrets?.map((item) => ({ ...item, SecretID: item.SecretID || secret(item.SecretName) }));
  const Configs = container.Configs?.map((item) => ({ ...item, ConfigID: item.ConfigID || config(item.ConfigName) }));
  const ContainerSpec = { ...container, ...(Secrets && { Secrets }), ...(Configs && { Configs }) };
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec } };
}

/** Who uses an object: what stands in the way of removing it. */
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { View } from '#store/view';

/** Ids of the networks, secrets and configs that a stored spec refers to. */
export function referencedIds(spec: ServiceSpec): string[] {
  const container = spec.TaskTemplate.ContainerSpec;
  const credential = container?.Privileges?.CredentialSpec?.Config;
  return [
    ...(spec.TaskTemplate.Networks ?? []).map((network) => network.Target),
    ...(spec.Networks ?? []).map((network) => network.Target),
    ...(container?.Secrets ?? []).map((secret) => secret.SecretID),
    ...(container?.Configs ?? []).map((config) => config.ConfigID),
    credential,
  ].filter((id): id is string => id !== undefined && id !== '');
}

/** Services whose current spec refers to `id`, oldest first. A previous spec does not hold an object back. */
export function servicesUsing(view: View, id: string): Service[] {
  return [...view.list('service')].filter((service) => referencedIds(service.Spec).includes(id));
}

/** Why an object cannot be removed, in Docker's words; undefined: no service refers to it. */
export function usersText(view: View, kind: 'secret' | 'config' | 'network', id: string, name: string): string | undefined {
  const users = servicesUsing(view, id).map(({ Spec }) => Spec.Name);
  const services = users.length === 1 ? 'service' : 'services';
  return users.length === 0 ? undefined : `${kind} '${name}' is in use by the following ${services}: ${users.join(', ')}`;
}

/** Ids that any service's current or previous spec refers to. */
export function idsInUse(view: View): Set<string> {
  const ids = new Set<string>();
  for (const service of view.list('service')) {
    for (const id of referencedIds(service.Spec)) ids.add(id);
    for (const id of service.PreviousSpec ? referencedIds(service.PreviousSpec) : []) ids.add(id);
  }
  return ids;
}

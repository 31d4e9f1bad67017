/** One secret or config mounted twice: Docker's CLI sends the two in any order, and another order than before restarts the tasks. */
import { equal } from '#base/equal';
import type { ServiceSpec } from '#model/object/service-spec';

/** `wanted` with such references in the order in which the service has them already. */
export function inOrderOf(live: ServiceSpec, wanted: ServiceSpec): ServiceSpec {
  const [before, after] = [live.TaskTemplate.ContainerSpec ?? {}, wanted.TaskTemplate.ContainerSpec ?? {}];
  const Secrets = after.Secrets && ordered(before.Secrets ?? [], after.Secrets, (item) => item.SecretName);
  const Configs = after.Configs && ordered(before.Configs ?? [], after.Configs, (item) => item.ConfigName);
  return { ...wanted, TaskTemplate: { ...wanted.TaskTemplate, ContainerSpec: { ...after, ...(Secrets && { Secrets }), ...(Configs && { Configs }) } } };
}

/** Only references of the same name change places. */
function ordered<T>(before: readonly T[], after: readonly T[], nameOf: (item: T) => string): T[] {
  const place = (item: T): number => before.findIndex((other) => equal(other, item));
  return after.toSorted((a, b) => (nameOf(a) === nameOf(b) ? place(a) - place(b) : 0));
}

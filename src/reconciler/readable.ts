/** A service's spec in the words that people know, in the one form that is compared. */
import type { ServiceSpec } from '#model/object/service-spec';
import { comparable } from '#model/difference/spec-compare';
import type { View } from '#store/view';

/** Networks by name, secrets and configs by theirs alone: that the object behind a name was made anew is said of the object itself. */
export function readable(spec: ServiceSpec, view: View): unknown {
  const { ContainerSpec: container = {}, ...task } = spec.TaskTemplate;
  const Networks = task.Networks?.map((network) => ({ ...network, Target: view.get('network', network.Target ?? '')?.Spec.Name ?? network.Target ?? '' }));
  const Secrets = container.Secrets?.map(({ SecretID: _id, ...reference }) => reference);
  const Configs = container.Configs?.map(({ ConfigID: _id, ...reference }) => reference);
  const ContainerSpec = { ...container, ...(Secrets && { Secrets }), ...(Configs && { Configs }) };
  return comparable({ ...spec, TaskTemplate: { ...task, ContainerSpec, ...(Networks && { Networks }) } });
}

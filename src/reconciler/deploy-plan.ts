/** What a deploy by hand would do, object by object: the deploy itself is tried on the view, and its actions are thrown away. */
import { seededRandom } from '#base/random';
import { deployStack } from '#control/stack/stacks';
import { comparable } from '#model/spec-compare';
import type { ServiceSpec } from '#model/object/service-spec';
import type { OwnedKind, StackSpec } from '#model/object/stack';
import { fieldChanges, serviceChange, type ObjectChange, type StackPlan } from '#model/stack-plan';
import type { Action } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';

/** Throws the Refusal that the deploy would meet. */
export function planDeploy(view: View, spec: StackSpec, { prune }: { prune: boolean }, now: number): StackPlan {
  let count = 0;
  const context = { now, random: seededRandom(1), newId: () => `planned${(count += 1)}` };
  const { actions, result } = deployStack(spec, { source: { Kind: 'deploy' }, prune, force: true })(view, context);
  const after = new Overlay(view);
  after.lay(actions);
  const changes = actions.flatMap((action) => changeOf(view, after, action));
  const named = new Set(changes.map(({ kind, name }) => `${kind} ${name}`));
  const unchanged = (kind: OwnedKind, name: string): ObjectChange[] => (named.has(`${kind} ${name}`) ? [] : [{ kind, name, change: 'none', fields: [] }]);
  const owned = after.byName('stack', spec.Name)?.Inventory ?? [];
  return {
    stack: spec.Name,
    changes: [...changes, ...owned.flatMap(({ Kind, Name }) => unchanged(Kind, Name))],
    ...(result.RevertedBy && { revertedBy: result.RevertedBy.Repository }),
  };
}

function changeOf(view: View, after: View, action: Action): ObjectChange[] {
  const { kind } = action;
  if (kind !== 'service' && kind !== 'network' && kind !== 'secret' && kind !== 'config') return [];
  if (action.type === 'remove') return [{ kind, name: view.get(kind, action.id)?.Spec.Name ?? action.id, change: 'remove', fields: [] }];
  const name = action.object.Spec.Name;
  if (action.type === 'create') return [{ kind, name, change: 'create', fields: [] }];
  const live = view.get(kind, action.object.ID)?.Spec;
  if (action.kind !== 'service') return [{ kind, name, change: 'update', fields: fieldChanges(live?.Labels ?? {}, action.object.Spec.Labels ?? {}, 'Labels') }];
  const form = (spec: ServiceSpec): unknown => comparable(withoutIds(spec, after));
  return [serviceChange(name, form(live as ServiceSpec), form(action.object.Spec))];
}

/** Networks by name, secrets and configs by theirs alone: what people know. */
function withoutIds(spec: ServiceSpec, view: View): ServiceSpec {
  const { ContainerSpec: container = {}, ...task } = spec.TaskTemplate;
  const Networks = task.Networks?.map((network) => ({ ...network, Target: view.get('network', network.Target ?? '')?.Spec.Name ?? network.Target ?? '' }));
  const Secrets = container.Secrets?.map(({ SecretID: _id, ...reference }) => reference);
  const Configs = container.Configs?.map(({ ConfigID: _id, ...reference }) => reference);
  const ContainerSpec = { ...container, ...(Secrets && { Secrets }), ...(Configs && { Configs }) };
  return { ...spec, TaskTemplate: { ...task, ContainerSpec, ...(Networks && { Networks }) } };
}

/** What a deploy by hand would do, object by object: the deploy itself is tried on the view, and its actions are thrown away. */
import { seededRandom } from '#base/random';
import { finish } from '#base/pace/steps';
import { stackFingerprint } from '#control/stack/fingerprint';
import { deployStack, specDigest } from '#control/stack/stacks';
import type { ServiceSpec } from '#model/object/service-spec';
import type { OwnedKind, StackSource, StackSpec } from '#model/object/stack';
import { fieldChanges } from '#model/difference/field-changes';
import { serviceChange, type ObjectChange, type StackPlan } from '#model/difference/stack-plan';
import type { Action } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import { readable } from './readable.ts';
import { wholeActions } from './whole.ts';

const byHand: StackSource = { Kind: 'deploy' };

interface Asked {
  prune: boolean;
  source?: StackSource;
  /** Others come in one entry with it: their ports are checked together. */
  portsLater?: true;
}

/** Throws the Refusal that the deploy would meet. */
export function planDeploy(view: View, spec: StackSpec, asked: Asked, now: number): StackPlan {
  const { prune, source = byHand } = asked;
  const { actions: first, result } = tried(view, spec, asked, now);
  let count = 0;
  const context = { now, random: seededRandom(1), newId: () => `later${(count += 1)}` };
  // By hand all of it comes at once.
  const actions = source.Kind === 'repository' ? wholeActions(view, spec, { source, prune }, first, context) : first;
  const after = new Overlay(view);
  after.lay(actions);
  const changes = actions.flatMap((action) => changeOf(view, after, action));
  const named = new Set(changes.map(({ kind, name }) => `${kind} ${name}`));
  const unchanged = (kind: OwnedKind, name: string): ObjectChange[] => (named.has(`${kind} ${name}`) ? [] : [{ kind, name, change: 'none', fields: [] }]);
  const owned = after.byName('stack', spec.Name)?.Inventory ?? [];
  return {
    stack: spec.Name,
    fingerprint: stackFingerprint(view, spec, finish(specDigest(spec)), prune),
    changes: [...changes, ...owned.flatMap(({ Kind, Name }) => unchanged(Kind, Name))],
    ...(result.RevertedBy && { revertedBy: result.RevertedBy.Repository }),
  };
}

/** What the deploy would write. */
export function deployActions(view: View, spec: StackSpec, asked: Asked, now: number): readonly Action[] {
  return tried(view, spec, asked, now).actions;
}

function tried(view: View, spec: StackSpec, { prune, source = byHand, portsLater }: Asked, now: number) {
  let count = 0;
  const context = { now, random: seededRandom(1), newId: () => `planned${(count += 1)}` };
  return deployStack(spec, { source, prune, force: true, ...(portsLater && { portsLater }) })(view, context);
}

function changeOf(view: View, after: View, action: Action): ObjectChange[] {
  const { kind } = action;
  if (kind !== 'service' && kind !== 'network' && kind !== 'secret' && kind !== 'config') return [];
  if (action.type === 'remove') return [{ kind, name: view.get(kind, action.id)?.Spec.Name ?? action.id, change: 'remove', fields: [] }];
  const name = action.object.Spec.Name;
  if (action.type === 'create') return [{ kind, name, change: 'create', fields: [] }];
  const live = view.get(kind, action.object.ID)?.Spec;
  if (action.kind !== 'service') return [{ kind, name, change: 'update', fields: fieldChanges(live?.Labels ?? {}, action.object.Spec.Labels ?? {}, 'Labels') }];
  return [serviceChange(name, live && readable(live as ServiceSpec, view), readable(action.object.Spec, after))];
}

/** The networks, secrets and configs of a stack. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { nodeLocalNetworks, type NetworkSpec } from '#model/network';
import { namespaceLabel, type Labels } from '#model/meta';
import { nameOf, type Kind, type ObjectOf } from '#model/object';
import type { ConfigSpec, SecretSpec } from '#model/secret';
import type { StackSpec } from '#model/stack';
import { create, newMeta, remove } from '#store/action';
import type { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCaseContext } from '../cluster.ts';
import { checkFile, onlyLabelsDiffer, relabel, type FileKind } from '../secrets-and-configs.ts';
import { checkNetwork, networkDefaults } from '../networks.ts';
import { idsInUse } from '../users.ts';

export interface StackObject {
  Kind: 'service' | 'network' | 'secret' | 'config';
  Name: string;
}

/** What a deploy has done so far. */
export interface Changes {
  created: StackObject[];
  updated: StackObject[];
  removed: StackObject[];
}

/** `spec` with the label by which the stack's tools find its objects. */
export function inStack<S extends { Labels?: Labels }>(spec: S, stack: string): S {
  return { ...spec, Labels: { ...spec.Labels, [namespaceLabel]: stack } };
}

/** A kind's objects that carry the stack's label. */
export function objectsOfStack<K extends 'service' | 'network' | FileKind>(view: View, kind: K, stack: string): ObjectOf[K][] {
  return [...view.list(kind)].filter((object) => object.Spec.Labels?.[namespaceLabel] === stack);
}

/** Refuses when something that the stack expects from outside is not there. */
export function checkExternal(view: View, external: StackSpec['External']): void {
  for (const name of external.Networks) {
    if (nodeLocalNetworks.includes(name) || name === 'default' || isPresent(view, 'network', name)) continue;
    throw new Refusal(
      'invalidArgument',
      `network "${name}" is declared as external, but could not be found. You need to create a swarm-scoped network before the stack is deployed`,
      { plain: true },
    );
  }
  for (const name of external.Secrets) refuseAbsent(view, 'secret', name);
  for (const name of external.Configs) refuseAbsent(view, 'config', name);
}

/** Creates a network that is missing. One that is there stays as it is: nothing of a network can be changed. */
export function deployNetwork(overlay: Overlay, spec: NetworkSpec, stack: string, context: UseCaseContext, changes: Changes): void {
  const present = overlay.byName('network', spec.Name);
  if (present?.Spec.Labels?.[namespaceLabel] === stack) return;
  checkNetwork(overlay, spec);
  overlay.lay([create('network', { ...newMeta(context.newId()), Spec: networkDefaults(inStack(spec, stack)) })]);
  changes.created.push({ Kind: 'network', Name: spec.Name });
}

/** Creates a secret or config that is missing, or gives it its new labels. */
export function deployFile(overlay: Overlay, kind: FileKind, spec: SecretSpec | ConfigSpec, stack: string, context: UseCaseContext, changes: Changes): void {
  const wanted = inStack(spec, stack);
  const present = overlay.byName(kind, spec.Name);
  if (!present) {
    checkFile(kind, wanted);
    overlay.lay([create(kind, { ...newMeta(context.newId()), Spec: wanted })]);
    changes.created.push({ Kind: kind, Name: spec.Name });
    return;
  }
  if (!onlyLabelsDiffer(present.Spec, wanted)) {
    throw new Refusal(
      'invalidArgument',
      `failed to update ${kind} ${spec.Name}: only updates to Labels are allowed; the stored ${kind} of that name has other content: give the new content another name (the \`name:\` of the ${kind}) or let names follow the content`,
    );
  }
  if (equal(present.Spec.Labels ?? {}, wanted.Labels)) return;
  overlay.lay([relabel(kind, present, wanted)]);
  changes.updated.push({ Kind: kind, Name: spec.Name });
}

/** Removes objects of the stack that `keep` does not name and nobody refers to: old versions of content go when no service can roll back to them. */
export function dropUnused(overlay: Overlay, stack: string, keep: StackSpec, changes: Changes): void {
  const named: Record<'network' | FileKind, ReadonlySet<string>> = {
    network: new Set(keep.Networks.map((spec) => spec.Name)),
    secret: new Set(keep.Secrets.map((spec) => spec.Name)),
    config: new Set(keep.Configs.map((spec) => spec.Name)),
  };
  const left = (['secret', 'config', 'network'] as const).flatMap((kind) =>
    objectsOfStack(overlay, kind, stack)
      .map((object) => ({ kind, id: object.ID, name: nameOf(kind, object) }))
      .filter(({ name }) => !named[kind].has(name)),
  );
  if (left.length === 0) return;
  const used = idsInUse(overlay);
  for (const { kind, id, name } of left) {
    if (used.has(id)) continue;
    overlay.lay([remove(kind, id)]);
    changes.removed.push({ Kind: kind, Name: name });
  }
}

function isPresent(view: View, kind: Exclude<Kind, 'task'>, name: string): boolean {
  return view.get(kind, name) !== undefined || view.byName(kind, name) !== undefined;
}

function refuseAbsent(view: View, kind: FileKind, name: string): void {
  if (!isPresent(view, kind, name)) throw new Refusal('invalidArgument', `${kind} not found: ${name}`, { plain: true });
}

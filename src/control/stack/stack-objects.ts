/** The networks, secrets and configs of a stack. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { nodeLocalNetworks, type NetworkSpec } from '#model/object/network';
import { namespaceLabel, type Labels } from '#model/object/meta';
import { keepContentLabel } from '#model/version-names';
import { isVaultName } from '#model/options/vault';
import { nameOf, type Kind } from '#model/object/object';
import type { ConfigSpec, SecretSpec } from '#model/object/secret';
import type { OwnedKind, OwnedObject, Stack, StackSpec } from '#model/object/stack';
import { create, newMeta, remove, update } from '#store/action';
import type { Overlay } from '#store/overlay';
import { clusterOf, type View } from '#store/view';
import type { UseCaseContext } from '../cluster.ts';
import { checkFile, onlyLabelsDiffer, relabel, type FileKind } from '../secrets-and-configs.ts';
import { networkNamed } from '../find.ts';
import { settingApart } from '../network-check.ts';
import { checkNetwork, networkDefaults } from '../networks.ts';
import { idsInUse } from '../users.ts';
import { makerOf, owned } from './inventory.ts';
import { checkRight, type Right, type Rights } from './ownership.ts';

export interface StackObject {
  Kind: OwnedKind;
  Name: string;
}

/** What a deploy has done so far. */
export interface Changes {
  created: StackObject[];
  updated: StackObject[];
  removed: StackObject[];
  /** What of it is the stack's own from now on. */
  owned: OwnedObject[];
}

/** The stack whose objects are deployed, and what is its own. */
export interface StackScope {
  stack: string;
  rights: Rights;
  /** Whose stack it is; absent: an operator's. */
  repository: string | undefined;
  /** What other stacks have as well. */
  shared: (object: OwnedObject) => boolean;
}

/** `spec` with the label by which the stack's tools find its objects. */
export function inStack<S extends { Labels?: Labels }>(spec: S, stack: string): S & { Labels: Labels } {
  return { ...spec, Labels: { ...spec.Labels, [namespaceLabel]: stack } };
}

/** As many networks of a stack are far above what people write: each new subnet is held against all others. */
const mostNetworks = 256;

/** Refuses more of them than one stack may make. */
export function checkNetworkCount({ Name, Networks }: StackSpec): void {
  if (Networks.length > mostNetworks)
    throw new Refusal('invalidArgument', `stack ${Name}: ${Networks.length} networks are more than the ${mostNetworks} that a stack may make`);
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

/** Creates a network that is missing, or gives it its new labels. Nothing else of one can be changed, and a file that asks for it is refused. */
export function deployNetwork(
  overlay: Overlay,
  spec: NetworkSpec,
  { stack, rights, repository, shared }: StackScope,
  context: UseCaseContext,
  changes: Changes,
): void {
  const present = networkNamed(overlay, spec.Name);
  const right = present ? rights('network', present) : 'none';
  const mate = present && mateOf(overlay, present.ID, right, repository);
  if (present && (mate || right !== 'none')) {
    if (!mate) checkRight(right, 'network', spec.Name, stack);
    if (right === 'used') return;
    const apart = settingApart(present.Spec, spec);
    if (apart !== undefined) throw unchangeable(spec.Name, apart, mate);
    changes.owned.push(owned('network', present));
    const { Labels } = inStack(spec, stack);
    // An existing Docker Swarm can change no network at all.
    if (mate || !clusterOf(overlay) || shared(owned('network', present)) || equal(present.Spec.Labels ?? {}, Labels)) return;
    overlay.lay([update('network', { ...present, Spec: { ...present.Spec, Labels } })]);
    changes.updated.push({ Kind: 'network', Name: spec.Name });
    return;
  }
  if (present) throw taken(spec.Name, makerOf(overlay, present.ID));
  checkNetwork(overlay, spec);
  const network = { ...newMeta(context.newId()), Spec: networkDefaults(inStack(spec, stack)) };
  overlay.lay([create('network', network)]);
  changes.created.push({ Kind: 'network', Name: spec.Name });
  changes.owned.push(owned('network', network));
}

/** Somebody else's, who gave it that very name. */
function taken(name: string, maker: Stack | undefined): Refusal {
  const repository = maker?.Source.Kind === 'repository' ? ` of repository ${maker.Source.Repository}` : '';
  const whose = maker ? `is that of stack ${maker.Spec.Name}${repository}` : 'belongs to no stack';
  const text = `network with name ${name} already exists: it ${whose}; use it with \`external: true\`, or give this one another name`;
  return new Refusal('alreadyExists', text, { plain: true });
}

function unchangeable(name: string, setting: string, mate: Stack | undefined): Refusal {
  const whose = mate ? `is that of stack ${mate.Spec.Name}, with other settings (${setting})` : `is there with another ${setting}`;
  const text = `network ${name} ${whose}: nothing of a network can be changed, and it goes when no version that may come back uses it; give this one another name`;
  return new Refusal('failedPrecondition', text);
}

/** Creates a secret or config that is missing, or gives it its new labels. */
export function deployFile(
  overlay: Overlay,
  kind: FileKind,
  spec: SecretSpec | ConfigSpec,
  { stack, rights, repository, shared }: StackScope,
  context: UseCaseContext,
  changes: Changes,
): void {
  const present = overlay.byName(kind, spec.Name);
  const labelled = inStack(spec, stack);
  const wanted = { ...labelled, Labels: keepContentLabel(present?.Spec.Labels, labelled.Labels) };
  if (!present) {
    checkFile(kind, wanted);
    const file = { ...newMeta(context.newId()), Spec: wanted };
    overlay.lay([create(kind, file)]);
    changes.created.push({ Kind: kind, Name: spec.Name });
    changes.owned.push(owned(kind, file));
    return;
  }
  const right = rights(kind, present);
  const mate = mateOf(overlay, present.ID, right, repository);
  if (!mate) checkRight(right, kind, spec.Name, stack);
  if (mate || right === 'own' || right === 'taken') changes.owned.push(owned(kind, present));
  if (!onlyLabelsDiffer(present.Spec, wanted)) {
    throw new Refusal(
      'invalidArgument',
      `failed to update ${kind} ${spec.Name}: only updates to Labels are allowed; the stored ${kind} of that name has other content: give the new content another name (the \`name:\` of the ${kind}) or let names follow the content`,
    );
  }
  // Stacks may share what has a name of its own: its labels stay those of the stack that made it.
  if (mate || shared(owned(kind, present)) || (right === 'none' && makerOf(overlay, present.ID))) return;
  if (equal(present.Spec.Labels ?? {}, wanted.Labels)) return;
  overlay.lay([relabel(kind, present, wanted)]);
  changes.updated.push({ Kind: kind, Name: spec.Name });
}

/** Removes what the stack made, and the spec no longer names, and nobody has or refers to: old versions of content go when no service can roll back to them. */
export function dropUnused(overlay: Overlay, inventory: readonly OwnedObject[], shared: StackScope['shared'], changes: Changes): void {
  const kept = new Set(changes.owned.map(({ ID }) => ID));
  const left = inventory.filter(({ Kind, ID }) => Kind !== 'service' && !kept.has(ID) && overlay.get(Kind, ID) !== undefined);
  if (left.length === 0) return;
  const used = idsInUse(overlay);
  for (const { Kind, ID, Name } of left) {
    if (used.has(ID) || shared({ Kind, ID, Name })) continue;
    overlay.lay([remove(Kind, ID)]);
    changes.removed.push({ Kind, Name });
  }
}

/** The stack of the same repository that has what is not one's own: they are of one hand, and what one of them gives up another one may have from then on. */
function mateOf(view: View, id: string, right: Right, repository: string | undefined): Stack | undefined {
  const maker = repository !== undefined && (right === 'none' || right === 'foreign') ? makerOf(view, id) : undefined;
  return maker?.Source.Kind === 'repository' && maker.Source.Repository === repository ? maker : undefined;
}

/** As it is written: services refer to networks, secrets and configs by their exact names. */
function isPresent(view: View, kind: Exclude<Kind, 'task'>, name: string): boolean {
  if (view.get(kind, name)) return true;
  const named = view.byName(kind, name);
  return named !== undefined && nameOf(kind, named) === name;
}

function refuseAbsent(view: View, kind: FileKind, name: string): void {
  if (isVaultName(name))
    throw new Refusal('failedPrecondition', `${kind} ${name}: values of a vault are for stacks of repositories: \`shoal repo update NAME --vault ADDRESS\``, {
      plain: true,
    });
  if (!isPresent(view, kind, name)) throw new Refusal('invalidArgument', `${kind} not found: ${name}`, { plain: true });
}

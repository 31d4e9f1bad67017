/** Which feature level an action needs: what some manager does not know must never reach the log. */
import type { Kind } from '#model/object/object';
import { isLimit, readAllowance } from '#model/allowance';
import { encryptionLevel, featureLevel, limitsLevel, releasesLevel, stacksLevel } from '#model/feature-level';
import type { Cluster } from '#model/object/cluster';
import { isEncrypted, type Network } from '#model/object/network';
import { roleOf } from '#model/manager-address';
import type { Node, NodeDescription } from '#model/object/node';
import type { Repository } from '#model/object/repository';
import type { Revision, Stack } from '#model/object/stack';
import type { Task } from '#model/object/task';
import { update, type Action } from './action.ts';
import { clusterOf, type View } from './view.ts';

const kindLevels: Readonly<Record<Kind, number>> = {
  cluster: 1,
  node: 1,
  service: 1,
  task: 1,
  network: 1,
  secret: 1,
  config: 1,
  stack: 1,
  repository: 1,
  revision: 4,
  pack: 5,
  deed: 8,
};
const actionLevels: Readonly<Record<Action['type'], number>> = { create: 1, update: 1, remove: 1 };

/** What all nodes of the cluster know. */
export function clusterLevel(view: View): number {
  return clusterOf(view)?.Shoal?.FeatureLevel ?? 1;
}

/** What may be written into the log; one that holds no cluster is read by this program alone. */
export function writableLevel(view: View): number {
  return clusterOf(view) ? clusterLevel(view) : featureLevel;
}

/** Whether every manager knows objects of that kind. */
export function knowsKind(view: View, kind: Kind): boolean {
  return kindLevels[kind] <= writableLevel(view);
}

/** What a program must know to go by an entry. */
export interface Need {
  level: number;
  /** What needs it, for people. */
  what: string;
}

/** What is needed to apply `action`, and to go by what it adds to the object of `before`; undefined: this program cannot. */
export function needOf(action: Action, before?: object): Need | undefined {
  const kind = Object.hasOwn(kindLevels, action.kind) ? kindLevels[action.kind] : undefined;
  const type = Object.hasOwn(actionLevels, action.type) ? actionLevels[action.type] : undefined;
  if (kind === undefined || type === undefined) return undefined;
  const held = action.type === 'remove' ? undefined : heldNeed(action);
  // What is there already was written by those who know it: it may be told of, and ended.
  const added = held && !(before && heldNeed({ kind: action.kind, object: before } as Held)) ? held : undefined;
  return added ?? { level: Math.max(kind, type), what: `a ${action.kind}` };
}

type Held = Pick<Exclude<Action, { type: 'remove' }>, 'kind' | 'object'>;

/** An older leader would take such an object for another: a container of somebody's for a task that nobody wants, a root for one that it can sign with. */
function heldNeed({ kind, object }: Held): Need | undefined {
  if (kind === 'task') return (object as Task).Shoal.Attachment && { level: 6, what: 'attaching a container to a network of the cluster' };
  if (kind === 'network') return isEncrypted(object as Network) ? { level: encryptionLevel, what: 'an encrypted network' } : undefined;
  if (kind === 'repository') return repositoryNeed(object as Repository);
  if (kind === 'stack') return stackNeed(object as Stack);
  if (kind === 'revision') return revisionNeed(object as Revision);
  if (kind !== 'cluster') return undefined;
  const { Authority: { Key, Rotation } = {}, Release } = (object as Cluster).Shoal ?? {};
  if (Release) return { level: releasesLevel, what: 'a release that a repository declares' };
  return Key === '' || Rotation?.Key === '' ? { level: 6, what: 'a root whose key only an external CA has' } : undefined;
}

function repositoryNeed({ Spec }: Repository): Need | undefined {
  // An older leader would let it have what it must not.
  const limit = Spec.Allow?.find((text) => {
    const known = readAllowance(text);
    return known !== undefined && isLimit(known.word);
  });
  if (limit !== undefined) return { level: limitsLevel, what: `a repository that is held to ${limit}` };
  if (Spec.PruneGrace !== undefined) return { level: stacksLevel, what: 'a repository whose stacks leave after a while' };
  return Spec.Vault && { level: stacksLevel, what: 'a repository with a vault' };
}

function stackNeed({ Rollout, Leaving }: Stack): Need | undefined {
  if (Leaving) return { level: stacksLevel, what: 'a stack that leaves after a while' };
  return Rollout && { level: stacksLevel, what: 'a stack that comes in waves' };
}

/** Whoever does not know of it takes a stack of a unit back alone, and looks for a vault's values among what is in the cluster. */
function revisionNeed({ Unit, Spec }: Revision): Need | undefined {
  if (Unit) return { level: stacksLevel, what: 'a commit that is one unit' };
  return Spec.Content.Pinned && { level: stacksLevel, what: 'a stack with values of a vault' };
}

export function levelOf(description: NodeDescription | undefined): number {
  return description?.Shoal?.FeatureLevel ?? 1;
}

/** Raises the cluster's level where, with node `id` described so, or gone, nobody is left who knows less. */
export function raised(view: View, id: string, description?: NodeDescription, cluster = clusterOf(view)): Action[] {
  if (!cluster || (description && levelOf(description) <= clusterLevel(view))) return [];
  const levels = description ? [levelOf(description)] : [];
  for (const node of view.list('node')) if (node.ID !== id && !isUnheardWorker(node)) levels.push(levelOf(node.Description));
  const level = levels.length === 0 ? 0 : levels.reduce((least, each) => Math.min(least, each));
  return level > clusterLevel(view) ? [update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, FeatureLevel: level } })] : [];
}

/** One that joined and never came holds nobody back: it is refused when it comes with a program that is too old. A manager of which nothing is known may read entries already. */
function isUnheardWorker(node: Node): boolean {
  return !node.Description && roleOf(node) === 'worker';
}

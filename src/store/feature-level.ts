/** Which feature level an action needs: what some manager does not know must never reach the log. */
import type { Kind } from '#model/object/object';
import { featureLevel } from '#model/feature-level';
import type { Action } from './action.ts';
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

/** What is needed to apply `action`, and to go by what it writes; undefined: this program cannot. */
export function needOf(action: Action): Need | undefined {
  const kind = Object.hasOwn(kindLevels, action.kind) ? kindLevels[action.kind] : undefined;
  const type = Object.hasOwn(actionLevels, action.type) ? actionLevels[action.type] : undefined;
  if (kind === undefined || type === undefined) return undefined;
  const held = action.type === 'remove' ? undefined : heldNeed(action);
  return held && held.level > kind ? held : { level: Math.max(kind, type), what: `a ${action.kind}` };
}

/** An older leader would take such an object for another: a container of somebody's for a task that nobody wants, a root for one that it can sign with. */
function heldNeed({ kind, object }: Exclude<Action, { type: 'remove' }>): Need | undefined {
  if (kind === 'task') return object.Shoal.Attachment && { level: 6, what: 'attaching a container to a network of the cluster' };
  if (kind !== 'cluster') return undefined;
  const { Authority: { Key, Rotation } = {} } = object.Shoal ?? {};
  return Key === '' || Rotation?.Key === '' ? { level: 6, what: 'a root whose key only an external CA has' } : undefined;
}

/** The level that the entry with these actions may need: one that raises it is read by those who know it. */
export function levelAfter(view: View, actions: readonly Action[]): number {
  let level = writableLevel(view);
  for (const action of actions) if (action.type === 'update' && action.kind === 'cluster') level = Math.max(level, action.object.Shoal?.FeatureLevel ?? 1);
  return level;
}

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

/** The level from which on a program can apply `action`; undefined: this program cannot. */
export function levelNeeded(action: Action): number | undefined {
  const kind = Object.hasOwn(kindLevels, action.kind) ? kindLevels[action.kind] : undefined;
  const type = Object.hasOwn(actionLevels, action.type) ? actionLevels[action.type] : undefined;
  return kind === undefined || type === undefined ? undefined : Math.max(kind, type);
}

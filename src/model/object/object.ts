/** The kinds of objects that the store keeps. */
import type { Cluster } from './cluster.ts';
import type { Deed } from '../git/deed.ts';
import type { Config, Secret } from './secret.ts';
import type { Meta } from './meta.ts';
import type { Network } from './network.ts';
import type { Node } from './node.ts';
import type { Pack, Repository } from './repository.ts';
import type { Service } from './service.ts';
import type { Revision, Stack } from './stack.ts';
import type { Task } from './task.ts';

/** Every table of the store and what it holds. */
export interface ObjectOf {
  cluster: Cluster;
  node: Node;
  service: Service;
  task: Task;
  network: Network;
  secret: Secret;
  config: Config;
  stack: Stack;
  repository: Repository;
  revision: Revision;
  pack: Pack;
  deed: Deed & Meta;
}

export type Kind = keyof ObjectOf;

export const kinds = [
  'cluster',
  'node',
  'service',
  'task',
  'network',
  'secret',
  'config',
  'stack',
  'repository',
  'revision',
  'pack',
  'deed',
] as const satisfies readonly Kind[];

/** The name by which users find an object; tasks have none of their own. */
export function nameOf<K extends Kind>(kind: K, object: ObjectOf[K]): string {
  if (kind === 'node') return (object as Node).Description?.Hostname ?? '';
  if (kind === 'task') return '';
  return (object as Exclude<ObjectOf[Kind], Node | Task>).Spec.Name;
}

/** Use cases of stacks: everything under one name, in one call. */
import type { StackCondition, StackSource, StackSpec } from '#model/stack';
import type { UseCase } from './cluster.ts';

export interface StackObject {
  Kind: 'service' | 'network' | 'secret' | 'config';
  Name: string;
}

/** What a deploy did. */
export interface StackDeployment {
  Name: string;
  /** False: the store held all of it already and nothing was written. */
  Changed: boolean;
  Services: readonly { ID: string; Name: string; Change: 'created' | 'updated' | 'unchanged' }[];
  Created: readonly StackObject[];
  Updated: readonly StackObject[];
  Removed: readonly StackObject[];
}

export interface DeployOptions {
  source: StackSource;
  /** Of the rendered spec; kept on the stack's record. */
  digest?: string;
  /** Remove services that the spec no longer names, and objects that nobody uses any more. */
  prune: boolean;
  /** X-Registry-Auth by image, as the spec writes the image. */
  registryAuth?: Readonly<Record<string, string>>;
}

export function deployStack(spec: StackSpec, _options: DeployOptions): UseCase<StackDeployment> {
  return () => ({ actions: [], result: { Name: spec.Name, Changed: false, Services: [], Created: [], Updated: [], Removed: [] } });
}

export function removeStack(_name: string): UseCase<{ Removed: readonly StackObject[] }> {
  return () => ({ actions: [], result: { Removed: [] } });
}

export function setStackCondition(_name: string, _condition: StackCondition, _source: StackSource): UseCase<void> {
  return () => ({ actions: [], result: undefined });
}

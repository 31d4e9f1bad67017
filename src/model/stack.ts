/** A stack: what was asked for under one name, by a deploy or by a repository. */
import type { Meta } from './meta.ts';
import type { NetworkSpec } from './network.ts';
import type { ConfigSpec, SecretSpec } from './secret.ts';
import type { ServiceSpec } from './service-spec.ts';

/** All that a rendered stack file asks for. Objects name one another by name; `control` resolves the ids. */
export interface StackSpec {
  Name: string;
  Networks: readonly NetworkSpec[];
  Secrets: readonly SecretSpec[];
  Configs: readonly ConfigSpec[];
  Services: readonly ServiceSpec[];
  /** Networks, secrets and configs that must exist already. */
  External: { Networks: readonly string[]; Secrets: readonly string[]; Configs: readonly string[] };
}

export interface Stack extends Meta {
  Spec: { Name: string };
  /** Who owns it: a repository prunes only what is its own. */
  Source: StackSource;
  /** Digest of the rendered spec that was applied last. */
  Digest: string;
  /** Names of the services that belong to it. */
  Services: readonly string[];
  Condition: StackCondition;
}

export type StackSource = { Kind: 'deploy' } | { Kind: 'repository'; Repository: string; Path: string; Commit: string };

/** Outcome of the last reconcile of the stack. Stored as applied or refused; how the updates went is seen from the services (`control/stack-health`). */
export interface StackCondition {
  State: 'applied' | 'refused' | 'drifted' | 'rolled back' | 'update paused' | 'rollback paused';
  /** Why, for people: a refused file's first error with file:line:column. */
  Message: string;
  /** All errors of a refused file, or one for each service whose update did not hold. */
  Errors?: readonly string[];
  /** Commit that was refused, when it is not the applied one. */
  Commit?: string;
  /** RFC 3339 */
  Since: string;
}

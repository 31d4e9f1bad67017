/** What a deploy would change, as the daemon plans it and commands show it: field by field, without values that may be secret. */
import type { Foresight } from './foresight.ts';
import { fieldChanges, type FieldChange } from './field-changes.ts';
import type { OwnedKind } from '../object/stack.ts';

export interface ObjectChange {
  kind: OwnedKind;
  name: string;
  change: 'create' | 'update' | 'remove' | 'none';
  fields: readonly FieldChange[];
  /** Why its tasks are replaced; absent: they run on. */
  restarts?: 'all' | 'unsuited';
  /** The daemon would refuse it. */
  refused?: string;
}

/** A daemon's plan of a stack. */
export interface StackPlan {
  stack: string;
  changes: readonly ObjectChange[];
  /** Of the stack that is asked for and of the cluster as it is: a deploy that expects it is refused when either moved. */
  fingerprint?: string;
  /** How it would go; absent where nothing would be rolled out, or where that cannot be played forward now. */
  rollout?: Foresight;
  /** The repository that has the stack, and would undo it. */
  revertedBy?: string;
}

/** What a commit would do to one stack of its repository. */
export interface PlannedStack {
  name: string;
  step: 'apply' | 'hold' | 'refuse' | 'remove' | 'leave' | 'none';
  /** Why, for people; '' where there is nothing to say. */
  reason: string;
  /** Of a stack that is refused. */
  errors?: readonly string[];
  /** Of a stack that changes, or would if it were not held. */
  changes?: readonly ObjectChange[];
}

/** What a commit would do. */
export interface RepositoryPlan {
  repository: string;
  commit: string;
  stacks: readonly PlannedStack[];
  /** Why nothing of it is written now, though it would be done: the repository is suspended or frozen. */
  waits?: string;
  /** What it says of other repositories, and of its own: a line each. */
  declared?: readonly string[];
  /** How it would go, as for a stack. */
  rollout?: Foresight;
}

/** A service's change; `from` and `to` are its specs in the form that is compared. */
export function serviceChange(name: string, from: unknown, to: unknown): ObjectChange {
  const fields = fieldChanges(from, to);
  if (fields.length === 0) return { kind: 'service', name, change: 'none', fields };
  const restarts = restartsOf(fields.map(({ field }) => field));
  return { kind: 'service', name, change: 'update', fields, ...(restarts && { restarts }) };
}

/** Tasks follow their template and the service's ports; a placement that changed moves those on nodes that no longer suit. */
function restartsOf(fields: readonly string[]): ObjectChange['restarts'] {
  const own = fields.filter((field) => field.startsWith('TaskTemplate') || field.startsWith('EndpointSpec'));
  if (own.length === 0) return undefined;
  return own.every((field) => field.startsWith('TaskTemplate.Placement')) ? 'unsuited' : 'all';
}

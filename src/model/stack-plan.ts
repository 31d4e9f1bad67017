/** What a deploy would change, as the daemon plans it and commands show it: field by field, without values that may be secret. */
import { equal } from '#base/equal';
import type { OwnedKind } from './object/stack.ts';

export interface FieldChange {
  /** TaskTemplate.ContainerSpec.Image */
  field: string;
  /** Absent: the field was, or will be, absent too. */
  from?: unknown;
  to?: unknown;
  /** Instead of both: names of variables that come, go or change. Their values are often secrets that should not be there. */
  variables?: readonly string[];
}

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
  /** The repository that has the stack, and would undo it. */
  revertedBy?: string;
}

/** A service's change; `from` and `to` are its specs in the form that is compared. */
export function serviceChange(name: string, from: unknown, to: unknown): ObjectChange {
  const fields = fieldChanges(from, to, '');
  if (fields.length === 0) return { kind: 'service', name, change: 'none', fields };
  const restarts = restartsOf(fields.map(({ field }) => field));
  return { kind: 'service', name, change: 'update', fields, ...(restarts && { restarts }) };
}

/** Where two values differ. */
export function fieldChanges(from: unknown, to: unknown, field: string): FieldChange[] {
  if (equal(from, to)) return [];
  if (field.endsWith('.Env')) return [{ field, variables: changedVariables(from, to) }];
  if (!isRecord(from) || !isRecord(to)) return [{ field, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted();
  return keys.flatMap((key) => fieldChanges(from[key], to[key], field === '' ? key : `${field}.${key}`));
}

/** Tasks follow their template and the service's ports; a placement that changed moves those on nodes that no longer suit. */
function restartsOf(fields: readonly string[]): ObjectChange['restarts'] {
  const own = fields.filter((field) => field.startsWith('TaskTemplate') || field.startsWith('EndpointSpec'));
  if (own.length === 0) return undefined;
  return own.every((field) => field.startsWith('TaskTemplate.Placement')) ? 'unsuited' : 'all';
}

function changedVariables(from: unknown, to: unknown): string[] {
  const [before, after] = [setOf(from), setOf(to)];
  const changed = [...before, ...after].filter((line) => !(before.has(line) && after.has(line)));
  return [...new Set(changed.map((line) => line.split('=')[0] ?? ''))].toSorted();
}

function setOf(value: unknown): Set<string> {
  return new Set(Array.isArray(value) ? value.map(String) : []);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Placement constraints: `key==value` and `key!=value` against a node (swarmkit manager/constraint). */
import { Refusal } from '#base/refusal';
import type { Node } from './node.ts';

export interface Constraint {
  /** As written; its fixed part is compared ignoring case. */
  key: string;
  operator: '==' | '!=';
  value: string;
}

/** Parses all expressions; throws Refusal `invalidArgument` on the first that is malformed. */
export function parseConstraints(expressions: readonly string[]): Constraint[] {
  return expressions.map(parseConstraint);
}

/** True when the node fulfils all constraints; `role` is the one that the node has now. */
export function nodeMatches(constraints: readonly Constraint[], node: Node, role: Node['Spec']['Role']): boolean {
  return constraints.every((constraint) => matchesOne(constraint, node, role));
}

function parseConstraint(expression: string): Constraint {
  const operator = expression.includes('==') ? '==' : '!=';
  const at = expression.indexOf(operator);
  if (at < 0) throw new Refusal('invalidArgument', 'constraint expected one operator from ==, !=');
  const key = expression.slice(0, at).trim();
  const value = expression.slice(at + 2).trim();
  if (!/^[a-z_][a-z0-9\-_.]+$/i.test(key)) throw new Refusal('invalidArgument', `key '${key}' is invalid`);
  if (!/^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i.test(value)) throw new Refusal('invalidArgument', `value '${value}' is invalid`);
  return { key, operator, value };
}

function matchesOne(constraint: Constraint, node: Node, role: string): boolean {
  const actual = valueOf(constraint.key, node, role);
  // A key that nobody knows never matches, not even negated: a typing error must not widen the choice.
  if (actual === undefined) return false;
  return (actual.toLowerCase() === constraint.value.toLowerCase()) === (constraint.operator === '==');
}

function valueOf(key: string, node: Node, role: string): string | undefined {
  const name = key.toLowerCase();
  if (name.startsWith('node.labels.')) return node.Spec.Labels?.[key.slice('node.labels.'.length)] ?? '';
  if (name.startsWith('engine.labels.')) return node.Description?.Engine.Labels?.[key.slice('engine.labels.'.length)] ?? '';
  if (name === 'node.id') return node.ID;
  if (name === 'node.hostname') return node.Description?.Hostname ?? '';
  if (name === 'node.ip') return node.Status.Addr;
  if (name === 'node.role') return role;
  if (name === 'node.platform.os') return node.Description?.Platform.OS ?? '';
  return name === 'node.platform.arch' ? (node.Description?.Platform.Architecture ?? '') : undefined;
}

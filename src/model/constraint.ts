/** Placement constraints: `node.labels.zone == a` and their kin (swarmkit manager/constraint). */
import { own } from '#base/text/own';
import { Refusal } from '#base/refusal';
import { parseAddress, parsePrefix, prefixHolds } from './address.ts';
import type { Node } from './object/node.ts';

export interface Constraint {
  key: string;
  operator: '==' | '!=';
  value: string;
}

const operators = ['==', '!='] as const;
const keyPattern = /^[a-z_][a-z0-9\-_.]+$/i;
const valuePattern = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;
const nodeLabelPrefix = 'node.labels.';
const engineLabelPrefix = 'engine.labels.';

/** Reads expressions `KEY == VALUE` and `KEY != VALUE`. Throws Refusal `unknown`, the code that Docker's users see, with SwarmKit's texts. */
export function parseConstraints(expressions: readonly string[]): Constraint[] {
  return expressions.map(parseConstraint);
}

/** In one form: `node.labels.zone==a`; undefined for what is no constraint. */
export function constraintText(expression: string): string | undefined {
  try {
    const { key, operator, value } = parseConstraint(expression);
    return `${key}${operator}${value}`;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function parseConstraint(expression: string): Constraint {
  // `==` is looked for first, wherever it stands: `a!=b==c` has the key `a!=b`, which is refused.
  const operator = operators.find((candidate) => expression.includes(candidate));
  if (!operator) throw new Refusal('unknown', `constraint expected one operator from ${operators.join(', ')}`);
  const at = expression.indexOf(operator);
  const key = expression.slice(0, at).trim();
  if (!keyPattern.test(key)) throw new Refusal('unknown', `key '${key}' is invalid`);
  const value = expression.slice(at + operator.length).trim();
  if (!valuePattern.test(value)) throw new Refusal('unknown', `value '${value}' is invalid`);
  return { key, operator, value };
}

/** True when the node fulfils all of `constraints`; `role` is the role that it has, not the one it is to get. */
export function nodeMatches(constraints: readonly Constraint[], node: Node, role: Node['Spec']['Role']): boolean {
  return constraints.every((constraint) => matches(constraint, node, role));
}

function matches(constraint: Constraint, node: Node, role: string): boolean {
  const key = constraint.key.toLowerCase();
  if (key === 'node.ip') return addressMatches(constraint, node.Status.Addr);
  const actual = actualValue(key, constraint.key, node, role);
  // An unknown key never matches, not even by `!=`: a misspelling must not let a task run anywhere.
  if (actual === undefined) return false;
  return (actual.toLowerCase() === constraint.value.toLowerCase()) === (constraint.operator === '==');
}

/** What the constraint's value is compared with; undefined for a key that nobody knows. */
function actualValue(lowerKey: string, key: string, node: Node, role: string): string | undefined {
  switch (lowerKey) {
    case 'node.id':
      return node.ID;
    case 'node.hostname':
      return node.Description?.Hostname ?? '';
    case 'node.role':
      return role;
    case 'node.platform.os':
      return node.Description?.Platform.OS ?? '';
    case 'node.platform.arch':
      return node.Description?.Platform.Architecture ?? '';
    default:
      return labelValue(lowerKey, key, node);
  }
}

/** Prefixes are read in any case, the label's own key exactly; a missing label is ''. */
function labelValue(lowerKey: string, key: string, node: Node): string | undefined {
  for (const [prefix, labels] of [
    [nodeLabelPrefix, node.Spec.Labels],
    [engineLabelPrefix, node.Description?.Engine.Labels],
  ] as const) {
    if (!lowerKey.startsWith(prefix) || key.length === prefix.length) continue;
    return own(labels, key.slice(prefix.length)) ?? '';
  }
  return undefined;
}

/** An address is compared, a prefix contains; any other value never matches. */
function addressMatches({ operator, value }: Constraint, nodeAddress: string): boolean {
  const actual = parseAddress(nodeAddress);
  const address = parseAddress(value);
  if (address !== undefined) return (actual === address) === (operator === '==');
  const prefix = parsePrefix(value);
  if (!prefix) return false;
  return (actual !== undefined && prefixHolds(prefix, actual)) === (operator === '==');
}

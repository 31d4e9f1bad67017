/** Placement constraints: the grammar of `node.labels.zone == east`. */
import { Refusal } from '#base/refusal';

export interface Constraint {
  key: string;
  operator: '==' | '!=';
  value: string;
}

const keyText = /^[a-z_][a-z0-9\-_.]+$/i;
const valueText = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;

/** Parses all of `expressions`; refuses the first that is malformed with SwarmKit's words (constraint.go). */
export function parseConstraints(expressions: readonly string[]): Constraint[] {
  return expressions.map((expression) => {
    const operator = expression.includes('==') ? '==' : '!=';
    const at = expression.indexOf(operator);
    if (at < 0) throw new Refusal('unknown', 'constraint expected one operator from ==, !=');
    const key = expression.slice(0, at).trim();
    const value = expression.slice(at + operator.length).trim();
    if (!keyText.test(key)) throw new Refusal('unknown', `key '${key}' is invalid`);
    if (!valueText.test(value)) throw new Refusal('unknown', `value '${value}' is invalid`);
    return { key, operator, value };
  });
}

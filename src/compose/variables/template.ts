/** Variables in texts by the Compose Specification: `$A`, `${A}`, `:-` `-` `:?` `?` `:+` `+` with anything nested, `$$`. */
import { Refusal } from '#base/refusal';

export interface Variables {
  lookup: (name: string) => string | undefined;
  /** Told of each variable that is used without a value or default. */
  undefinedVariable: (name: string) => void;
}

interface Cursor {
  text: string;
  index: number;
  depth: number;
}

/** How deep defaults may nest. */
const maxNesting = 32;
const operators = [':-', '-', ':?', '?', ':+', '+'] as const;

function invalid(template: string): Refusal {
  return new Refusal('invalidArgument', 'invalid interpolation format', { template });
}

/** Throws Refusal with the facts {template}. */
export function expand(text: string, variables: Variables): string {
  return text.includes('$') ? part({ text, index: 0, depth: 0 }, false, variables, true) : text;
}

/** Up to the end, or up to the brace that closes this level. With `live` unset, nothing is looked up: the branch is not taken. */
function part(cursor: Cursor, nested: boolean, variables: Variables, live: boolean): string {
  if (cursor.depth > maxNesting) throw invalid(cursor.text);
  let result = '';
  for (;;) {
    const character = cursor.text[cursor.index];
    if (character === undefined) {
      if (nested) throw invalid(cursor.text);
      return result;
    }
    if (nested && character === '}') return result;
    if (character === '$') result += variable(cursor, nested, variables, live);
    else {
      result += character;
      cursor.index += 1;
    }
  }
}

/** Inside a default, a dollar that starts no variable is itself: password hashes stand there, and version 3 took them. */
function variable(cursor: Cursor, nested: boolean, variables: Variables, live: boolean): string {
  const rest = cursor.text.slice(cursor.index + 1, cursor.index + 2);
  if (rest === '$') {
    cursor.index += 2;
    return '$';
  }
  const braced = rest === '{';
  const name = /[_a-zA-Z][_a-zA-Z0-9]*/y;
  name.lastIndex = cursor.index + (braced ? 2 : 1);
  const match = name.exec(cursor.text);
  if (!match && nested && !braced) {
    cursor.index += 1;
    return '$';
  }
  if (!match) throw invalid(cursor.text);
  cursor.index = name.lastIndex;
  return braced ? bracedVariable(match[0], cursor, variables, live) : plain(match[0], variables, live);
}

function plain(name: string, variables: Variables, live: boolean): string {
  if (!live) return '';
  const value = variables.lookup(name);
  if (value === undefined) variables.undefinedVariable(name);
  return value ?? '';
}

function bracedVariable(name: string, cursor: Cursor, variables: Variables, live: boolean): string {
  if (cursor.text[cursor.index] === '}') {
    cursor.index += 1;
    return plain(name, variables, live);
  }
  const operator = operators.find((candidate) => cursor.text.startsWith(candidate, cursor.index));
  if (operator === undefined) throw invalid(cursor.text);
  cursor.index += operator.length;
  const value = variables.lookup(name);
  const missing = value === undefined || (operator.startsWith(':') && value === '');
  const taken = live && (operator.endsWith('+') ? !missing : missing);
  cursor.depth += 1;
  const word = part(cursor, true, variables, taken);
  cursor.depth -= 1;
  cursor.index += 1;
  if (operator.endsWith('+')) return missing ? '' : word;
  if (!missing) return value;
  if (operator.endsWith('?') && live) throw invalid(`required variable ${name} is missing a value: ${word}`);
  return word;
}

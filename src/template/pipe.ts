/** Reads one action: `$x := a b | c`. */
import { TemplateError } from './error.ts';

/** Each operand looks through them, and each block takes them along. */
const mostVariables = 256;

export interface Pipe {
  /** Variables that take the value; a range may have two. */
  variables: readonly string[];
  declares: boolean;
  commands: readonly Command[];
}

/** A value, or a function or method with its arguments. */
export type Command = readonly [Operand, ...Operand[]];

export type Operand =
  | { kind: 'literal'; value: string | number | boolean | null; source: string }
  /** `.a.b`; `.` has no path. */
  | { kind: 'dot'; path: readonly string[]; source: string }
  | { kind: 'variable'; name: string; path: readonly string[]; source: string }
  | { kind: 'function'; name: string; source: string }
  | { kind: 'paren'; pipe: Pipe; path: readonly string[]; source: string };

interface Scope {
  functions: ReadonlySet<string>;
  /** Grows by what the action declares. */
  variables: string[];
  inRange: boolean;
}

/** The pipe that `tokens` say. Throws TemplateError. */
export function parsePipe(tokens: readonly string[], scope: Scope): Pipe {
  const { names, declares, length } = declaration(tokens, scope.inRange);
  const reader = { tokens, next: length };
  const commands = parseCommands(reader, scope);
  if (reader.next < tokens.length) throw new TemplateError(`template: :1: unexpected ${JSON.stringify(tokens[reader.next])}`);
  if (declares) scope.variables.push(...names);
  else for (const name of names) checkVariable(name, scope);
  if (scope.variables.length > mostVariables) throw new TemplateError(`template: :1: more than ${mostVariables} variables are declared in one place`);
  return { variables: names, declares, commands };
}

function declaration(tokens: readonly string[], inRange: boolean): { names: readonly string[]; declares: boolean; length: number } {
  const isName = (token: string | undefined): token is string => /^\$\w+$/.test(token ?? '');
  const [first, sign, second, secondSign] = tokens;
  if (isName(first) && (sign === ':=' || sign === '=')) return { names: [first], declares: sign === ':=', length: 2 };
  if (inRange && isName(first) && sign === ',' && isName(second) && (secondSign === ':=' || secondSign === '=')) {
    return { names: [first, second], declares: secondSign === ':=', length: 4 };
  }
  return { names: [], declares: false, length: 0 };
}

interface Reader {
  tokens: readonly string[];
  next: number;
}

function parseCommands(reader: Reader, scope: Scope): readonly Command[] {
  const commands: Command[] = [];
  for (;;) {
    const operands: Operand[] = [];
    for (let token = reader.tokens[reader.next]; token !== undefined && token !== '|' && token !== ')'; token = reader.tokens[reader.next]) {
      operands.push(parseOperand(reader, scope));
    }
    const [first, ...others] = operands;
    if (!first) throw new TemplateError('template: :1: missing value for command');
    if (commands.length > 0 && first.kind === 'literal') {
      throw new TemplateError(`template: :1: non executable command in pipeline stage ${commands.length + 1}`);
    }
    commands.push([first, ...others]);
    if (reader.tokens[reader.next] !== '|') return commands;
    reader.next++;
  }
}

function parseOperand(reader: Reader, scope: Scope): Operand {
  const source = reader.tokens[reader.next++] ?? '';
  if (source === '(') return parseParen(reader, scope);
  if (source === '.') return { kind: 'dot', path: [], source };
  if (source.startsWith('.')) return { kind: 'dot', path: source.slice(1).split('.'), source };
  if (source.startsWith('$')) {
    const [name = '', ...path] = source.split('.');
    checkVariable(name, scope);
    return { kind: 'variable', name, path, source };
  }
  if (/^["`']/.test(source)) return { kind: 'literal', value: unquote(source), source };
  if (/^[-+]?\d/.test(source)) return { kind: 'literal', value: Number(source), source };
  if (source === 'true' || source === 'false') return { kind: 'literal', value: source === 'true', source };
  if (source === 'nil') return { kind: 'literal', value: null, source };
  if (!/^\w/.test(source)) throw new TemplateError(`template: :1: unexpected ${JSON.stringify(source)} in operand`);
  if (!scope.functions.has(source)) throw new TemplateError(`template: :1: function "${source}" not defined`);
  return { kind: 'function', name: source, source };
}

function parseParen(reader: Reader, scope: Scope): Operand {
  const commands = parseCommands(reader, scope);
  if (reader.tokens[reader.next] !== ')') throw new TemplateError('template: :1: unclosed left paren');
  reader.next++;
  const chain = reader.tokens[reader.next] ?? '';
  const path = /^\.\w/.test(chain) ? chain.slice(1).split('.') : [];
  if (path.length > 0) reader.next++;
  return { kind: 'paren', pipe: { variables: [], declares: false, commands }, path, source: '(…)' };
}

function checkVariable(name: string, scope: Scope): void {
  if (!scope.variables.includes(name)) throw new TemplateError(`template: :1: undefined variable "${name}"`);
}

function unquote(token: string): string | number {
  if (token.startsWith('`')) return token.slice(1, -1);
  try {
    // A line end or tab may stand in a string as itself: lists' templates are written with \t outside quotes and in them.
    const text = JSON.parse(`"${token.slice(1, -1).replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`) as string;
    return token.startsWith("'") ? (text.codePointAt(0) ?? 0) : text;
  } catch {
    throw new TemplateError(`template: :1: malformed string ${token}`);
  }
}

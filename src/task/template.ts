/** A small evaluator for the Go templates of service specs: fields, calls, pipes, `if`, trim markers. Unknown names are errors. */

export type TemplateValue = string | number | boolean | TemplateRecord;
export interface TemplateRecord {
  readonly [field: string]: TemplateValue;
}
export type TemplateFunction = (...values: readonly TemplateValue[]) => TemplateValue;

/** A template that cannot be read or evaluated: a task with it is rejected. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export interface TemplateScope {
  /** What `.` means. */
  data: TemplateRecord;
  functions: Readonly<Record<string, TemplateFunction>>;
}

type Piece = { text: string } | { action: string };

/** `text` with its `{{ … }}` replaced (reference: Go's text/template with missingkey=error). Throws TemplateError. */
export function expandTemplate(text: string, scope: TemplateScope): string {
  if (!text.includes('{{')) return text;
  try {
    return expandAll(text, scope);
  } catch (error) {
    // Parentheses and blocks are read by recursion: a hostile depth of them ends here and not the agent.
    if (error instanceof RangeError) throw new TemplateError('template: nested too deeply');
    throw error;
  }
}

function expandAll(text: string, scope: TemplateScope): string {
  const pieces = split(text);
  const { output, next } = render(pieces, 0, scope, true);
  if (next < pieces.length) throw new TemplateError(`template: unexpected {{${actionAt(pieces, next)}}}`);
  return output;
}

function split(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  for (;;) {
    const start = rest.indexOf('{{');
    if (start < 0) break;
    const match = /^\{\{(- )?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\})[^"`])*?)( -)?\}\}/s.exec(rest.slice(start));
    if (!match) throw new TemplateError(`template: unclosed action or quote in ${JSON.stringify(text)}`);
    const before = rest.slice(0, start);
    pieces.push({ text: match[1] ? before.trimEnd() : before });
    const action = (match[2] ?? '').trim();
    if (!/^\/\*.*\*\/$/s.test(action)) pieces.push({ action });
    rest = rest.slice(start + match[0].length);
    if (match[3]) rest = rest.trimStart();
  }
  pieces.push({ text: rest });
  return pieces;
}

function actionAt(pieces: readonly Piece[], index: number): string {
  const piece = pieces[index];
  return piece && 'action' in piece ? piece.action : '';
}

/** Output from piece `start` to the `else` or `end` that closes this block; `active` is false in the branch not taken. */
function render(pieces: readonly Piece[], start: number, scope: TemplateScope, active: boolean): { output: string; next: number } {
  let output = '';
  let index = start;
  while (index < pieces.length) {
    const piece = pieces[index] as Piece;
    if ('text' in piece) {
      if (active) output += piece.text;
    } else if (/^if\s/.test(piece.action)) {
      const branch = renderIf(pieces, index, piece.action.slice(2), scope, active);
      output += branch.output;
      index = branch.next;
    } else if (/^(else\b.*|end)$/s.test(piece.action)) {
      return { output, next: index };
    } else if (active) {
      output += textOf(evaluate(piece.action, scope));
    }
    index++;
  }
  return { output, next: index };
}

function renderIf(pieces: readonly Piece[], at: number, condition: string, scope: TemplateScope, active: boolean): { output: string; next: number } {
  const taken = active && isTrue(evaluate(condition, scope));
  const first = render(pieces, at + 1, scope, taken);
  const closing = actionAt(pieces, first.next);
  if (closing === 'end') return first;
  const otherwise = active && !taken;
  const chained = /^else\s+if\s(.*)$/s.exec(closing);
  const second = chained ? renderIf(pieces, first.next, chained[1] ?? '', scope, otherwise) : render(pieces, first.next + 1, scope, otherwise);
  if (actionAt(pieces, second.next) !== 'end') throw new TemplateError('template: unexpected EOF: {{if}} without {{end}}');
  return { output: first.output + second.output, next: second.next };
}

/** `a | f x | g`: each value becomes the last argument of the next call. */
function evaluate(action: string, scope: TemplateScope): TemplateValue {
  const tokens = tokenize(action);
  const reader = { tokens, index: 0 };
  const value = pipeline(reader, scope);
  if (reader.index < tokens.length) throw new TemplateError(`template: unexpected ${tokens[reader.index]} in {{${action}}}`);
  return value;
}

interface Reader {
  tokens: readonly string[];
  index: number;
}

function tokenize(action: string): readonly string[] {
  const pattern = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\(|\)|\||-?\d+(?:\.\d+)?|(?:\.\w+)+|\.|\w+)/gy;
  const tokens: string[] = [];
  const body = action.trim();
  while (pattern.lastIndex < body.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(body);
    if (!match) throw new TemplateError(`template: unexpected ${JSON.stringify(body.slice(at).trim())} in {{${action}}}`);
    tokens.push(match[1] as string);
  }
  return tokens;
}

function pipeline(reader: Reader, scope: TemplateScope): TemplateValue {
  let value = command(reader, scope, []);
  while (reader.tokens[reader.index] === '|') {
    reader.index++;
    value = command(reader, scope, [value]);
  }
  return value;
}

function command(reader: Reader, scope: TemplateScope, piped: readonly TemplateValue[]): TemplateValue {
  const token = reader.tokens[reader.index];
  if (token === undefined) throw new TemplateError('template: missing value for command');
  if (!/^[A-Za-z_]/.test(token) || token === 'true' || token === 'false') {
    if (piped.length > 0) throw new TemplateError(`template: can't give argument to non-function ${token}`);
    return operand(reader, scope);
  }
  reader.index++;
  const call = scope.functions[token] ?? builtins[token];
  if (!call) throw new TemplateError(`template: function "${token}" not defined`);
  const values: TemplateValue[] = [];
  for (let next = reader.tokens[reader.index]; next !== undefined && next !== '|' && next !== ')'; next = reader.tokens[reader.index]) {
    values.push(operand(reader, scope));
  }
  return call(...values, ...piped);
}

function operand(reader: Reader, scope: TemplateScope): TemplateValue {
  const token = reader.tokens[reader.index] ?? '';
  reader.index++;
  if (token === '(') {
    const value = pipeline(reader, scope);
    if (reader.tokens[reader.index] !== ')') throw new TemplateError('template: unclosed left paren');
    reader.index++;
    const chain = reader.tokens[reader.index] ?? '';
    return !/^\.\w/.test(chain) ? value : fieldOf(value, reader.tokens[reader.index++] as string);
  }
  if (token === '.') return scope.data;
  if (token.startsWith('.')) return fieldOf(scope.data, token);
  if (token.startsWith('"')) return unquote(token);
  if (token.startsWith('`')) return token.slice(1, -1);
  if (token === 'true' || token === 'false') return token === 'true';
  if (/^-?\d/.test(token)) return Number(token);
  return command({ tokens: [token], index: 0 }, scope, []);
}

function unquote(token: string): string {
  try {
    return JSON.parse(token) as string;
  } catch {
    throw new TemplateError(`template: malformed string ${token}`);
  }
}

function fieldOf(start: TemplateValue, chain: string): TemplateValue {
  let value = start;
  for (const name of chain.split('.').filter(Boolean)) {
    if (typeof value !== 'object' || !Object.hasOwn(value, name)) throw new TemplateError(`template: <${chain}>: can't evaluate field ${name}`);
    value = value[name] as TemplateValue;
  }
  return value;
}

const builtins: Readonly<Record<string, TemplateFunction>> = {
  index(start, ...keys) {
    let value = start ?? '';
    for (const key of keys) {
      if (typeof value !== 'object') throw new TemplateError(`template: error calling index: can't index item of type ${typeof value}`);
      // Go gives the zero value for a key that a map lacks.
      const name = textOf(key);
      value = Object.hasOwn(value, name) ? (value[name] as TemplateValue) : '';
    }
    return value;
  },
  join: (separator, ...values) => values.map(textOf).join(textOf(separator ?? '')),
  print: (...values) => values.map(textOf).join(''),
  println: (...values) => `${values.map(textOf).join(' ')}\n`,
  printf: (format, ...values) => formatText(textOf(format ?? ''), values),
  len: (value) => (typeof value === 'object' ? Object.keys(value).length : textOf(value ?? '').length),
  eq: (first, ...others) => others.some((other) => textOf(other) === textOf(first ?? '')),
  ne: (first, second) => textOf(first ?? '') !== textOf(second ?? ''),
  not: (value) => !isTrue(value ?? false),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1) ?? false,
  or: (...values) => values.find(isTrue) ?? values.at(-1) ?? false,
};

function formatText(format: string, values: readonly TemplateValue[]): string {
  let next = 0;
  return format.replaceAll(/%([%sdvq])/g, (_all, verb: string) => {
    if (verb === '%') return '%';
    const value = values[next++];
    if (value === undefined) return `%!${verb}(MISSING)`;
    return verb === 'q' ? JSON.stringify(textOf(value)) : textOf(value);
  });
}

function isTrue(value: TemplateValue): boolean {
  return typeof value === 'object' ? Object.keys(value).length > 0 : Boolean(value);
}

/** How a value stands in the output. */
export function textOf(value: TemplateValue): string {
  if (typeof value !== 'object') return String(value);
  const entries = Object.keys(value)
    .toSorted()
    .map((key) => `${key}:${textOf(value[key] as TemplateValue)}`);
  return `map[${entries.join(' ')}]`;
}

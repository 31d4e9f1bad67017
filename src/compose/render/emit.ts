/** Prints values as Go's YAML writer does: two blanks, maps in its natural order, quotes only where it sets them. */
import { Float, ForeignMap, Moment, goFloat, goText, isList, isMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { resolvePlain } from '../yaml/resolve.ts';

/** A map whose keys keep the order they were put in; all other maps are sorted. */
export class Ordered {
  constructor(readonly entries: readonly (readonly [string, Printable])[]) {}
}

export type Printable = Value | Ordered | readonly Printable[];

/** The document's text, ending in a line break. */
export function emitYaml(document: Ordered): string {
  return block(document.entries, 0)
    .map((line) => `${line}\n`)
    .join('');
}

function block(entries: readonly (readonly [string, Printable])[], indent: number): string[] {
  const pad = ' '.repeat(indent);
  return entries.flatMap(([key, value]) => attach(`${pad}${scalarText(key, true, indent)}:`, value, indent));
}

/** A value after its key: on the same line when it is a scalar or empty, below it otherwise. */
function attach(head: string, value: Printable, indent: number): string[] {
  const entries = entriesOf(value);
  if (entries) return entries.length === 0 ? [`${head} {}`] : [head, ...block(entries, indent + 2)];
  if (Array.isArray(value)) return value.length === 0 ? [`${head} []`] : [head, ...sequence(value as readonly Printable[], indent + 2)];
  return [`${head} ${leaf(value as Value, indent)}`];
}

function sequence(items: readonly Printable[], indent: number): string[] {
  const pad = ' '.repeat(indent);
  return items.flatMap((item) => {
    const entries = entriesOf(item);
    const inner = entries ? block(entries, indent + 2) : Array.isArray(item) ? sequence(item as readonly Printable[], indent + 2) : undefined;
    if (!inner) return [`${pad}- ${leaf(item as Value, indent)}`];
    if (inner.length === 0) return [`${pad}- ${entries ? '{}' : '[]'}`];
    return [`${pad}- ${(inner[0] ?? '').trimStart()}`, ...inner.slice(1)];
  });
}

function entriesOf(value: Printable): readonly (readonly [string, Printable])[] | undefined {
  if (value instanceof Ordered) return value.entries;
  if (isList(value as Value) || !isMap(value as Value)) return undefined;
  return Object.entries(value as ValueMap).sort(([a], [b]) => naturalOrder(a, b));
}

function leaf(value: Value, indent: number): string {
  if (typeof value === 'string') return scalarText(value, false, indent);
  if (value instanceof Float) return Number.isFinite(value.value) ? goFloat(value.value) : nonFinite(value.value);
  if (value instanceof Moment) return momentText(value);
  if (value instanceof ForeignMap) return '{}';
  return value === null ? 'null' : goText(value);
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf';
}

function momentText(moment: Moment): string {
  const zone = moment.zone === '' ? 'Z' : `${moment.zone.slice(0, 3)}:${moment.zone.slice(3)}`;
  return `${moment.date}T${moment.time}${zone}`;
}

const oldBooleans = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF']);
const sexagesimal = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** A string in the style the writer chooses: literal for several lines, double quotes for what would read as another type. */
function scalarText(text: string, isKey: boolean, indent: number): string {
  const traits = traitsOf(text);
  const isPlainType = typeof resolvePlain(text) === 'string' && !oldBooleans.has(text) && !sexagesimal.test(text);
  if (text.includes('\n') && !isKey && traits.blockAllowed) return literal(text, indent + 2);
  if (text.includes('\n') || !isPlainType) return doubleQuoted(text);
  if (traits.plainAllowed) return text;
  return traits.singleAllowed ? `'${text.replaceAll("'", "''")}'` : doubleQuoted(text);
}

interface Traits {
  plainAllowed: boolean;
  singleAllowed: boolean;
  blockAllowed: boolean;
}

function traitsOf(text: string): Traits {
  const indicators =
    /^(---|\.\.\.)/.test(text) || /^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[?:-]([ \t]|$)/.test(text) || /.:([ \t]|$)/s.test(text) || /[ \t\n]#/.test(text);
  const special = Array.from(text).some((character) => !isPrintable(character));
  const spaceBreak = / \n/.test(text);
  const edges = /^[ \n]|[ \n]$/.test(text);
  const breakSpace = /\n /.test(text);
  const fragile = spaceBreak || special || text.includes('\t');
  return {
    plainAllowed: !indicators && !edges && !breakSpace && !fragile && !text.includes('\n'),
    singleAllowed: !breakSpace && !fragile,
    blockAllowed: !text.endsWith(' ') && !spaceBreak && !special,
  };
}

function isPrintable(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x09 || code === 0x0a) return true;
  if (code === 0xfeff) return false;
  return (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code > 0xffff;
}

function literal(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const chomp = text.endsWith('\n') ? (text === '\n' || text.endsWith('\n\n') ? '+' : '') : '-';
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  const pad = ' '.repeat(indent);
  return [`|${hint}${chomp}`, ...lines.map((line) => (line === '' ? '' : pad + line))].join('\n');
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u00a0': '\\_',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

function doubleQuoted(text: string): string {
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const escape = character === '\u00a0' ? undefined : escapes[character];
    if (escape !== undefined) out += escape;
    else if (isPrintable(character)) out += character;
    else if (code <= 0xff) out += `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
    else out += code > 0xffff ? `\\U${code.toString(16).toUpperCase().padStart(8, '0')}` : `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
  }
  return `"${out}"`;
}

const isDigit = (character: string | undefined): boolean => character !== undefined && /\p{Nd}/u.test(character);
const isLetter = (character: string | undefined): boolean => character !== undefined && /\p{L}/u.test(character);

/** The writer's order of keys: letters by code, numbers by size, punctuation before letters. */
export function naturalOrder(first: string, second: string): number {
  const [a, b] = [Array.from(first), Array.from(second)];
  let digits = false;
  for (let index = 0; index < a.length && index < b.length; index += 1) {
    const [left = '', right = ''] = [a[index], b[index]];
    if (left === right) {
      digits = isDigit(left);
      continue;
    }
    const [leftLetter, rightLetter] = [isLetter(left), isLetter(right)];
    if (leftLetter && rightLetter) return left < right ? -1 : 1;
    if (leftLetter || rightLetter) return (digits ? leftLetter : rightLetter) ? -1 : 1;
    return numbersFrom(a, b, index);
  }
  return a.length - b.length;
}

/** Compares the numbers that start at `index`, where the texts first differ and neither has a letter. */
function numbersFrom(a: readonly string[], b: readonly string[], index: number): number {
  let lead = 0;
  if (a[index] === '0' || b[index] === '0') {
    for (let back = index - 1; back >= 0 && isDigit(a[back]); back -= 1) {
      if (a[back] !== '0') {
        lead = 1;
        break;
      }
    }
  }
  const read = (text: readonly string[]): { value: number; end: number } => {
    let [value, end] = [lead, index];
    for (; isDigit(text[end]); end += 1) value = value * 10 + Number(text[end]);
    return { value, end };
  };
  const [left, right] = [read(a), read(b)];
  if (left.value !== right.value) return left.value - right.value;
  if (left.end !== right.end) return left.end - right.end;
  return (a[index] ?? '') < (b[index] ?? '') ? -1 : 1;
}

/** What YAML holds, with Go's distinctions kept: integers apart from floats, timestamps, maps with keys that are no strings. */
import { compareTexts } from '#base/text/text';

/** A number written as a float; whole integers are plain numbers (or bigints beyond 2^53). */
export class Float {
  constructor(readonly value: number) {}
}

/** An unquoted date: text in a schema's eyes, but printed as Go prints times. */
export class Moment {
  /** `date` is YYYY-MM-DD, `time` HH:MM:SS with a fraction as written, `zone` +0200 or empty for UTC. */
  constructor(
    readonly date: string,
    readonly time: string,
    readonly zone: string,
  ) {}
}

/** A map with a key that is not a string; nothing in a stack file may hold one. */
export class ForeignMap {
  constructor(readonly entries: readonly (readonly [Value, Value])[]) {}
}

export type Scalar = null | boolean | number | bigint | string | Float | Moment;
export type Value = Scalar | ForeignMap | readonly Value[] | ValueMap;
/** Made without a prototype, so that `__proto__` is a key like any other. */
export interface ValueMap {
  readonly [key: string]: Value;
}

/** From the file's root to a value: map keys and list indexes. */
export type Path = readonly (string | number)[];

export function newMap<V = Value>(): Record<string, V> {
  return Object.create(null) as Record<string, V>;
}

export function isMap(value: Value | undefined): value is ValueMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(value instanceof Float || value instanceof Moment || value instanceof ForeignMap);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** The number a scalar stands for; undefined when it is none. */
export function numberOf(value: Value | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return towardsZero(value);
  return value instanceof Float ? value.value : undefined;
}

/** Go's %v of a scalar, as it lands in a map of strings. */
export function goText(value: Value): string {
  if (value === null) return '<nil>';
  if (value instanceof Float) return goFloat(value.value);
  if (value instanceof Moment) return goTime(value);
  if (isList(value)) return `[${value.map(goText).join(' ')}]`;
  if (value instanceof ForeignMap) return `map[${value.entries.map(([key, item]) => `${goText(key)}:${goText(item)}`).join(' ')}]`;
  if (isMap(value)) {
    const keys = Object.keys(value).sort(compareTexts);
    return `map[${keys.map((key) => `${key}:${goText(value[key] ?? null)}`).join(' ')}]`;
  }
  return String(value);
}

/** Power of ten from which %g of a shortest float takes an exponent. */
const exponentFrom = 6;

/** fmt.Sprint of a float64: shortest digits, an exponent below 1e-4 and from 1e6 on. */
export function goFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < exponentFrom) return plainDecimal(value);
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function plainDecimal(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return value.toFixed(20).replace(/0+$/, '').replace(/\.$/, '');
}

/** time.Time.String of a YAML timestamp. */
function goTime(moment: Moment): string {
  return `${moment.date} ${moment.time} ${moment.zone === '' ? '+0000 UTC' : `${moment.zone} ${moment.zone}`}`;
}

/** Go's %q: a string as a Go literal. */
export function goQuote(text: string): string {
  const named: Record<string, string> = {
    '"': '\\"',
    '\\': '\\\\',
    '\u0007': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
  };
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (named[character] !== undefined) out += named[character];
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) out += character;
    else out += code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return `"${out}"`;
}

/** The number next to `value` that is no further from zero: the largest of Go's must not become one that Go cannot read. */
function towardsZero(value: bigint): number {
  const nearest = Number(value);
  const excess = BigInt(nearest) - value;
  if (excess === 0n || excess < 0n === value > 0n) return nearest;
  // Doubles of this size are whole, and 53 bits of them count.
  const magnitude = value < 0n ? -value : value;
  const shift = BigInt(magnitude.toString(2).length - 53);
  const cut = Number((magnitude >> shift) << shift);
  return value < 0n ? -cut : cut;
}

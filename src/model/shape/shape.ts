/** Shapes of bodies with Go's manners: keys in any case, null is absence, unknown keys are dropped, wrong types are refused by path. */
import { Refusal } from '#base/refusal';
import { SpelledNumber } from './json.ts';
import { base64Fault, isText, withoutLineEnds, numberTypes, type NumberName, type NumberType } from './field-types.ts';

/** What a shape reads, for whoever walks over all fields. */
export type Kind =
  | { type: 'text' | 'base64' | 'flag' | NumberName }
  | { type: 'word'; words: readonly string[] }
  | { type: 'list' | 'record'; of: Kind }
  | { type: 'object'; fields: Readonly<Record<string, Kind>> }
  /** Known by name, and refused unless it says nothing. */
  | { type: 'refused' };

/** Fields that a body may have and that nothing here carries out. */
export type Unbuilt<K extends string> = { [P in K]?: never };

/** Turns a JSON value at `path` into T, or refuses it with 400. */
export interface Shape<T> {
  (value: unknown, path: string): T;
  readonly kind: Kind;
}

/** A shape for each key of T, so that the compiler sees when the model grows. */
export type Fields<T> = { [K in keyof T]-?: Shape<NonNullable<T[K]>> };

export const flag: Shape<boolean> = shape({ type: 'flag' }, (value, path) => {
  if (typeof value !== 'boolean') throw mismatch(kindOf(value), path, 'bool');
  return value;
});

export const text: Shape<string> = shape({ type: 'text' }, (value, path) => {
  if (typeof value !== 'string') throw mismatch(kindOf(value), path, 'string');
  if (!isText(value)) throw refused(`invalid text in ${path}: it holds half a character (a lone surrogate), which is no UTF-8`);
  return value;
});

/** More than any kind holds, line ends and all: what is longer is not looked at, for whoever keeps it refuses it by its size. */
const base64LimitLength = 2 * 1024 * 1024;

/** Bytes as standard base64 with its padding. */
export const base64: Shape<string> = shape({ type: 'base64' }, (value, path) => {
  if (typeof value !== 'string') throw mismatch(kindOf(value), path, '[]uint8');
  if (value.length > base64LimitLength) return value;
  const fault = base64Fault(value);
  if (fault !== undefined) throw refused(`illegal base64 data at input byte ${fault}`);
  return withoutLineEnds(value);
});

export const int64 = number('int64');
export const uint64 = number('uint64');
export const uint32 = number('uint32');
export const uint16 = number('uint16');
export const float32 = number('float32');

function number(type: NumberName): Shape<number> {
  const { least, most, whole, kept = most }: NumberType = numberTypes[type];
  return shape({ type }, (given: unknown, path) => {
    const value = given instanceof SpelledNumber && (!whole || isWithin(given.spelling, type)) ? given.value : given;
    if (value instanceof SpelledNumber) throw mismatch(`number ${value.spelling}`, path, type);
    if (typeof value !== 'number') throw mismatch(kindOf(value), path, type);
    const fits = value >= least && value <= most && (!whole || Number.isInteger(value));
    if (!fits) throw mismatch(`number ${value}`, path, type);
    return Math.min(value, kept);
  });
}

/** A whole number as Go spells it, and exactly within its type: ours are rounded at its ends. */
function isWithin(spelling: string, type: NumberName): boolean {
  if (!(type.startsWith('u') ? /^\d+$/ : /^-?\d+$/).test(spelling)) return false;
  const bits = BigInt(/\d+$/.exec(type)?.[0] ?? 0);
  const number = BigInt(spelling);
  return type.startsWith('u') ? number < 2n ** bits : number >= -(2n ** (bits - 1n)) && number < 2n ** (bits - 1n);
}

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return shape({ type: 'list', of: item.kind }, (value, path) => {
    if (!Array.isArray(value)) throw mismatch(kindOf(value), path, 'list');
    return value.filter((entry) => entry !== null).map((entry) => item(entry, path));
  });
}

export function record<T>(item: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return shape({ type: 'record', of: item.kind }, (value, path) => {
    const entries = Object.entries(objectOf(value, path)).filter(([, entry]) => entry !== null);
    return Object.fromEntries(entries.map(([key, entry]) => [text(key, `${path}'s keys`), item(entry, `${path}.${key}`)]));
  });
}

export function object<T extends object>(fields: Fields<T>): Shape<T> {
  const byLowerName = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  const kinds = Object.entries(fields).map(([name, field]) => [name, (field as Shape<unknown>).kind] as const);
  return shape({ type: 'object', fields: Object.fromEntries(kinds) }, (value, path) => {
    const result: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(objectOf(value, path))) {
      const name = byLowerName.get(key.toLowerCase());
      if (name === undefined || entry === null || entry === undefined) continue;
      const decoded = fields[name as keyof T](entry as never, path === '' ? name : `${path}.${name}`) as unknown;
      if (decoded !== undefined) result[name] = decoded;
    }
    return result as T;
  });
}

/** An object whose being there says it all, such as `Global`. */
export const mark: Shape<Record<string, never>> = object<Record<string, never>>({});

/** One of a few words in any case, refused under Docker's name for their type; the empty word is Go's way of saying nothing. */
export function word<T extends string>(type: string, ...words: readonly T[]): Shape<T> {
  return shape({ type: 'word', words }, (value, path) => {
    const result = text(value, path);
    if (result === '') return undefined as unknown as T;
    const found = words.find((each) => each.toLowerCase() === result.toLowerCase());
    if (found === undefined) throw refused(`invalid ${type}: ${JSON.stringify(result)}`);
    return found;
  });
}

/** A field that nothing carries out yet: whoever asks for it is told so by name. What says nothing (false, 0, empty) passes. */
export function unbuilt(why: string): Shape<never> {
  return shape({ type: 'refused' }, (value, path) => {
    if (saysNothing(value)) return undefined as never;
    throw new Refusal('unimplemented', `${path} is not supported: ${why}`, { plain: true });
  });
}

function saysNothing(value: unknown): boolean {
  if (value instanceof SpelledNumber) return value.value === 0;
  if (typeof value === 'object' && value !== null) return Object.values(value).every(saysNothing);
  return value === null || value === false || value === 0 || value === '';
}

function shape<T>(kind: Kind, read: (value: unknown, path: string) => T): Shape<T> {
  return Object.assign(read, { kind });
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof SpelledNumber) throw mismatch(kindOf(value), path, 'object');
  return value as Record<string, unknown>;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value instanceof SpelledNumber) return 'number';
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value;
}

function mismatch(found: string, path: string, wanted: string): Refusal {
  return refused(`json: cannot unmarshal ${found} into Go ${path === '' ? 'value' : `struct field ${path}`} of type ${wanted}`);
}

/** `plain`: dockerd says these itself, before the manager is asked. */
function refused(message: string): Refusal {
  return new Refusal('invalidArgument', message, { plain: true });
}

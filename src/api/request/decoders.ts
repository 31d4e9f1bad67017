/** Small decoders with Go's manners: keys in any case, null is absence, unknown keys are dropped, wrong types are refused by path. */
import { HttpError } from '../errors.ts';

/** Turns a JSON value at `path` into T, or refuses it with 400. */
export type Shape<T> = (value: unknown, path: string) => T;

/** A shape for each key of T, so that the compiler sees when the model grows. */
export type Fields<T> = { [K in keyof T]-?: Shape<NonNullable<T[K]>> };

export const text: Shape<string> = primitive('string');
export const number: Shape<number> = primitive('number');
export const flagShape: Shape<boolean> = primitive('boolean');

/** Any JSON: for parts that only shoal's own clients send. */
export function raw<T>(): Shape<T> {
  return (value) => withoutNulls(value) as T;
}

/** A whole number from 0 on, as Go's unsigned integers are. */
export const count: Shape<number> = (value, path) => {
  const result = number(value, path);
  if (!Number.isInteger(result) || result < 0) throw mismatch(`number ${result}`, path, 'uint64');
  return result;
};

/** A whole number. */
export const integer: Shape<number> = (value, path) => {
  const result = number(value, path);
  if (!Number.isInteger(result)) throw mismatch(`number ${result}`, path, 'int64');
  return result;
};

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw mismatch(kindOf(value), path, 'list');
    return value.filter((entry) => entry !== null).map((entry) => item(entry, path));
  };
}

export function record<T>(item: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    const entries = Object.entries(objectOf(value, path)).filter(([, entry]) => entry !== null);
    return Object.fromEntries(entries.map(([key, entry]) => [key, item(entry, `${path}.${key}`)]));
  };
}

export function object<T extends object>(fields: Fields<T>): Shape<T> {
  const byLowerName = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  return (value, path) => {
    const result: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(objectOf(value, path))) {
      const name = byLowerName.get(key.toLowerCase());
      if (name === undefined || entry === null || entry === undefined) continue;
      const decoded = fields[name as keyof T](entry as never, path === '' ? name : `${path}.${name}`) as unknown;
      if (decoded !== undefined) result[name] = decoded;
    }
    return result as T;
  };
}

/** One of a few words, refused under Docker's name for their type; the empty word is Go's way of saying nothing. */
export function word<T extends string>(type: string, ...words: readonly T[]): Shape<T> {
  return (value, path) => {
    const result = text(value, path);
    if (result === '') return undefined as unknown as T;
    if (!words.includes(result as T)) throw new HttpError(400, `invalid ${type}: ${JSON.stringify(result)}`);
    return result as T;
  };
}

function primitive<T>(type: 'string' | 'number' | 'boolean'): Shape<T> {
  return (value, path) => {
    if (typeof value !== type) throw mismatch(kindOf(value), path, type);
    return value as T;
  };
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mismatch(kindOf(value), path, 'object');
  return value as Record<string, unknown>;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((entry) => entry !== null).map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(entries.map(([key, entry]) => [key, withoutNulls(entry)]));
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value;
}

function mismatch(found: string, path: string, wanted: string): HttpError {
  return new HttpError(400, `json: cannot unmarshal ${found} into Go ${path === '' ? 'value' : `struct field ${path}`} of type ${wanted}`);
}

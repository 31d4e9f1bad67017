/** The `filters` query: JSON in map or list form; known keys only; values of a key are alternatives, labels must all match. */
import { HttpError } from '../errors.ts';
import type { Call } from '../router.ts';

export type Filters = ReadonlyMap<string, readonly string[]>;

/** Reads and checks the filters; `known` are the keys of the route. */
export function readFilters(call: Call, known: readonly string[]): Filters {
  const filters = parseFilters(call.query.get('filters'));
  for (const key of filters.keys()) if (!known.includes(key)) throw new HttpError(400, `Invalid filter '${key}'`);
  return filters;
}

/**
 * `{"label":{"a=b":true}}` as the CLI sends it, or `{"label":["a=b"]}` as most libraries do.
 */
export function parseFilters(text: string | null): Filters {
  if (text === null || text.trim() === '') return new Map();
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new HttpError(400, 'invalid filter: must be a JSON object');
  const filters = new Map<string, readonly string[]>();
  for (const [key, entry] of Object.entries(value)) filters.set(key, valuesOf(key, entry));
  return filters;
}

function valuesOf(key: string, entry: unknown): string[] {
  if (Array.isArray(entry)) return entry.map(String);
  if (typeof entry !== 'object' || entry === null) throw new HttpError(400, `invalid filter '${key}': must be a list or a map`);
  return Object.entries(entry)
    .filter(([, chosen]) => chosen !== false)
    .map(([value]) => value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new HttpError(400, `invalid character '${text.trim()[0] ?? ''}' looking for beginning of value`);
  }
}

/** True when the key is not filtered by, or one of its values passes. */
export function anyOf(filters: Filters, key: string, passes: (value: string) => boolean): boolean {
  const values = filters.get(key);
  return values === undefined || values.length === 0 || values.some(passes);
}

export function byPrefix(filters: Filters, key: string, text: string): boolean {
  return anyOf(filters, key, (value) => text.startsWith(value));
}

/** `k` or `k=v`, every one of them. */
export function byLabels(filters: Filters, key: string, labels: Readonly<Record<string, string>> | null | undefined): boolean {
  return (filters.get(key) ?? []).every((wanted) => hasLabel(labels ?? {}, wanted));
}

export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const key = wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1);
}

/** The `filters` query: JSON in map or list form; known keys only; values of a key are alternatives, labels must all match. */
import { requireManager } from './require-manager.ts';
import type { SwarmStatus } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import type { Call } from '../router.ts';
import { goFault } from './json-fault.ts';

export type Filters = ReadonlyMap<string, readonly string[]>;

/** Reads and checks the filters; `known` are the keys of the route. */
export function readFilters(call: Call, known: readonly string[]): Filters {
  const filters = parseFilters(call.query.get('filters'));
  for (const key of filters.keys()) if (!known.includes(key)) throw new HttpError(400, `Invalid filter '${key}'`);
  return filters;
}

/** Of what only a manager shows: whoever manages nothing says that before it looks at the keys, as Docker does. */
export function readFiltersAtManager(call: Call, known: readonly string[], status: SwarmStatus): Filters {
  parseFilters(call.query.get('filters'));
  requireManager(status);
  return readFilters(call, known);
}

/**
 * `{"label":{"a=b":true}}` as the CLI sends it, or `{"label":["a=b"]}` as most libraries do.
 */
export function parseFilters(text: string | null): Filters {
  if (text === null || text.trim() === '') return new Map();
  const value = parseJson(text);
  if (value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw mismatch(value, 'map[string]map[string]bool');
  const filters = new Map<string, readonly string[]>();
  for (const [key, entry] of Object.entries(value)) filters.set(key, valuesOf(entry));
  return filters;
}

/** The keys of a map, whatever they are set to: `false` is no refusal to Docker either. */
function valuesOf(entry: unknown): string[] {
  if (entry === null) return [];
  if (Array.isArray(entry)) {
    if (!entry.every((value) => typeof value === 'string')) throw mismatch(entry, 'map[string]bool');
    return entry;
  }
  if (typeof entry !== 'object') throw mismatch(entry, 'map[string]bool');
  for (const chosen of Object.values(entry)) if (chosen !== null && typeof chosen !== 'boolean') throw mismatch(chosen, 'bool');
  return Object.keys(entry);
}

/** In the words of Go's decoder, which Docker's clients show. */
function mismatch(value: unknown, wanted: string): HttpError {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return new HttpError(400, `json: cannot unmarshal ${found} into Go value of type ${wanted}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new HttpError(400, goFault(text, (error as Error).message));
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

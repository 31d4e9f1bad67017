/** Building blocks of printed models: what Go's writer leaves out is left out. */
import { formatDuration } from '#base/text/duration';
import type { Value } from '../value.ts';
import { Ordered, naturalOrder } from './emit.ts';
import type { Printable } from './emit.ts';

export type Field = readonly [key: string, value: Printable | undefined];

/** Keys in the given order; what was not given or is empty in Go's eyes is left out. */
export function struct(fields: readonly Field[]): Ordered {
  return new Ordered(fields.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

export function sorted<T>(map: Readonly<Record<string, T>>, change: (value: T) => Printable): Ordered {
  const keys = Object.keys(map).sort(naturalOrder);
  return new Ordered(keys.map((key) => [key, change(map[key] as T)] as const));
}

export function some(value: Ordered): Ordered | undefined {
  return value.entries.length === 0 ? undefined : value;
}

/** Strings, lists and maps that hold something; numbers but zero; true. */
export function full(value: Value | Readonly<Record<string, Value>> | undefined): Printable | undefined {
  if (value === undefined || value === '' || value === 0 || value === false) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value;
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return undefined;
  return value as Printable;
}

export function list<T>(items: readonly T[] | undefined, change: (item: T) => Printable): Printable | undefined {
  return items === undefined || items.length === 0 ? undefined : items.map(change);
}

export function extras(map: Readonly<Record<string, Value>> | undefined): Field[] {
  return Object.entries(map ?? {}).sort(([a], [b]) => naturalOrder(a, b));
}

export function duration(nanoseconds: number | undefined): string | undefined {
  return nanoseconds === undefined ? undefined : formatDuration(nanoseconds);
}

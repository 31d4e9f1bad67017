/** Prints values as JSON, for programs: numbers as they are, times as texts. */
import { Float, ForeignMap, Moment, goText, isMap } from '../value.ts';
import type { Value } from '../value.ts';
import { Ordered, type Printable } from './emit.ts';

/** The document's text, indented, ending in a line break. */
export function emitJson(document: Ordered): string {
  return `${JSON.stringify(plain(document), null, 2)}\n`;
}

function plain(value: Printable): unknown {
  if (value instanceof Ordered) return fromEntries(value.entries);
  if (value instanceof Float) return Number.isFinite(value.value) ? value.value : goText(value);
  if (value instanceof Moment || value instanceof ForeignMap) return goText(value);
  // Beyond 2^53 a number would come out as another one.
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return (value as readonly Printable[]).map(plain);
  return isMap(value as Value) ? fromEntries(Object.entries(value as Record<string, Value>)) : value;
}

/** Without a prototype: `__proto__` is a key like any other. */
function fromEntries(entries: readonly (readonly [string, Printable])[]): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries) result[key] = plain(value);
  return result;
}

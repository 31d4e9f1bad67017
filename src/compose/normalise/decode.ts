/** Turns checked values into the model's fields; texts of refusals are those of Docker's decoder. */
import { parseDuration } from '#base/text/duration';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import { maxWord } from '../yaml/limits.ts';
import { Float, Moment, goQuote, goText, isList, isMap, newMap, numberOf } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';

const decodingFailed = 'decoding failed due to the following error(s):\n\n';

/** A value that the schema lets pass and the model cannot hold. `field` is the decoder's own path (Deploy.Resources.Limits.memory). */
export function decodeError(field: string, message: string): Refusal {
  return new Refusal('invalidArgument', `${decodingFailed}error decoding '${field}': ${message}`, { field });
}

export function text(value: Value | undefined, field: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new Refusal(
    'invalidArgument',
    `${decodingFailed}'${field}' expected type 'string', got unconvertible type '${goType(value)}', value: '${goText(value)}'`,
    { field },
  );
}

function goType(value: Value): string {
  if (value instanceof Moment) return 'time.Time';
  if (value instanceof Float) return 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (isList(value)) return '[]interface {}';
  return isMap(value) ? 'map[string]interface {}' : 'int';
}

/** A count without a sign; a fraction is cut off, as Go does. */
export function count(value: Value | undefined, field: string): number | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  if (number < 0) {
    const shown = value instanceof Float ? number.toFixed(6) : String(number);
    throw new Refusal('invalidArgument', `${decodingFailed}cannot parse '${field}', ${shown} overflows uint`, { field });
  }
  return Math.trunc(number);
}

export function integer(value: Value | undefined): number | undefined {
  const number = numberOf(value);
  return number === undefined ? undefined : Math.trunc(number);
}

export function flag(value: Value | undefined): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** Nanoseconds. */
export function duration(value: Value | undefined, field: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const written = goText(value);
  const nanoseconds = written.length > maxWord ? undefined : parseDuration(written);
  if (nanoseconds === undefined) throw decodeError(field, badDuration(written.slice(0, maxWord)));
  return nanoseconds;
}

/** Go's reason why a text is no duration. */
function badDuration(text: string): string {
  const unit = /^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(text);
  if (!unit) return `time: invalid duration ${goQuote(text)}`;
  const name = unit[1] ?? '';
  return name === '' ? `time: missing unit in duration ${goQuote(text)}` : `time: unknown unit ${goQuote(name)} in duration ${goQuote(text)}`;
}

export function texts(value: Value | undefined, field: string): string[] | undefined {
  if (!isList(value)) return undefined;
  return value.map((item, index) => text(item, `${field}[${index}]`) ?? '');
}

export function textOrList(value: Value | undefined, field: string): string[] | undefined {
  return typeof value === 'string' ? [value] : texts(value, field);
}

/** Map or `KEY=VALUE` list; null stands for a key without a value. */
export function pairs(value: Value | undefined): Record<string, string | null> | undefined {
  if (isMap(value)) return mapValues(value, (item) => (item === null ? null : goText(item)));
  if (!isList(value)) return undefined;
  const result = newMap<string | null>();
  for (const item of value) {
    const [key = '', ...rest] = goText(item).split('=');
    result[key] = rest.length === 0 ? null : rest.join('=');
  }
  return result;
}

/** The same with empty text for a key without a value. */
export function strings(value: Value | undefined): Record<string, string> | undefined {
  const found = pairs(value);
  if (!found) return undefined;
  const result = newMap<string>();
  for (const [key, item] of Object.entries(found)) result[key] = item ?? '';
  return result;
}

export function mapValues<T>(map: ValueMap, change: (value: Value, key: string) => T): Record<string, T> {
  const result = newMap<T>();
  for (const [key, value] of Object.entries(map)) result[key] = change(value, key);
  return result;
}

/** `host:address`, the host parted by `=` before `:`; a map's come sorted. Entries without an address are dropped, brackets too. */
export function hosts(value: Value | undefined): string[] | undefined {
  if (isMap(value)) {
    const entries = Object.entries(value).flatMap(([host, address]) => (address === null ? [] : [bare(host, goText(address))]));
    return entries.sort(compareTexts);
  }
  if (!isList(value)) return undefined;
  return value.flatMap((item) => {
    const entry = goText(item);
    const at = entry.includes('=') ? entry.indexOf('=') : entry.indexOf(':');
    return at < 0 ? [] : [bare(entry.slice(0, at), entry.slice(at + 1))];
  });
}

function bare(host: string, address: string): string {
  return `${host}:${address.replace(/^\[(.+)\]$/, '$1')}`;
}

export function extrasOf(map: ValueMap): Record<string, Value> | undefined {
  const found = Object.entries(map).filter(([key]) => key.startsWith('x-'));
  return found.length === 0 ? undefined : (Object.assign(newMap(), Object.fromEntries(found)) as Record<string, Value>);
}

/** Leaves out the keys that were not given. */
export function given<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) result[key] = value;
  return result as T;
}

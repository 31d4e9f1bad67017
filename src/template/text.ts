/** How values stand in a template's output: Go's `%v`, and printf. */
import { compareTexts } from '#base/text/text';

/** Go prints what is absent as `<no value>`, lists as `[a b]` and maps as `map[key:value]`, sorted. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return `<${typeof value}>`;
  const entries = Object.entries(value).toSorted(([a], [b]) => compareTexts(a, b));
  return `map[${entries.map(([key, item]) => `${key}:${textOf(item)}`).join(' ')}]`;
}

const verbPattern = /%([-+0 #]*)(\d+)?(?:\.(\d+))?([%a-zA-Z])/g;

/** Go's Sprintf, as far as %s %d %v %q %t %f %x %c with flags and widths. */
export function formatText(format: string, values: readonly unknown[]): string {
  let used = 0;
  const text = format.replaceAll(verbPattern, (_all, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    if (used >= values.length) return `%!${verb}(MISSING)`;
    const formatted = formatOne(verb, values[used++], precision === undefined ? undefined : Number(precision));
    const length = Math.min(Number(width ?? 0), 1000);
    if (flags.includes('-')) return formatted.padEnd(length);
    return formatted.padStart(length, flags.includes('0') && verb !== 's' ? '0' : ' ');
  });
  if (used >= values.length) return text;
  return `${text}%!(EXTRA ${values.slice(used).map(described).join(', ')})`;
}

function formatOne(verb: string, value: unknown, precision: number | undefined): string {
  if (verb === 'v') return textOf(value);
  if (verb === 's' && typeof value !== 'number' && typeof value !== 'boolean') return textOf(value).slice(0, precision);
  if (verb === 'q' && typeof value === 'string') return JSON.stringify(value);
  if (verb === 't' && typeof value === 'boolean') return String(value);
  if (verb === 'd' && Number.isInteger(value)) return String(value);
  if (verb === 'f' && typeof value === 'number') return value.toFixed(Math.min(precision ?? 6, 100));
  if (verb === 'c' && Number.isInteger(value)) return String.fromCodePoint(Number(value));
  if (verb === 'x' && typeof value === 'number') return value.toString(16);
  if (verb === 'x' && typeof value === 'string') return [...new TextEncoder().encode(value)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `%!${verb}(${described(value)})`;
}

function described(value: unknown): string {
  const types: Record<string, string> = { string: 'string', number: 'int', boolean: 'bool' };
  const type = types[typeof value];
  return type === undefined ? textOf(value) : `${type}=${textOf(value)}`;
}

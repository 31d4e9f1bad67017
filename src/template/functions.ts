/** The functions that Go's templates have of their own; `and` and `or` are the evaluator's, which need not look at all arguments. */
import { TemplateError } from './error.ts';
import { formatText, textOf } from './text.ts';

export type TemplateFunction = (...values: readonly unknown[]) => unknown;

/** Go's idea of true: neither absent, empty nor zero. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

export const builtins: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !isTrue(value),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce(item, value),
  slice: (value, from = 0, to) => sliceOf(value, from, to),
  print: (...values) => values.map(textOf).join(''),
  println: (...values) => `${values.map(textOf).join(' ')}\n`,
  printf: (format, ...values) => formatText(textOf(format), values),
  eq: (first, ...others) => {
    if (others.length === 0) throw new TemplateError('missing argument for comparison');
    return others.some((other) => same(first, other));
  },
  ne: (first, second) => !same(first, second),
  lt: (first, second) => compare(first, second) < 0,
  le: (first, second) => compare(first, second) <= 0,
  gt: (first, second) => compare(first, second) > 0,
  ge: (first, second) => compare(first, second) >= 0,
};

function lengthOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'string') return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object') return Object.keys(value).length;
  throw new TemplateError(`len of type ${typeof value}`);
}

/** A key that a map lacks is the empty value; a place that a list lacks is an error. */
function item(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) || typeof value === 'string') {
    if (!Number.isInteger(key)) throw new TemplateError(`cannot index slice/array with type ${typeof key}`);
    const place = Number(key);
    if (place < 0 || place >= value.length) throw new TemplateError(`index out of range: ${place}`);
    return typeof value === 'string' ? value.charCodeAt(place) : value[place];
  }
  if (value === undefined || value === null || value === '') return '';
  if (typeof value !== 'object') throw new TemplateError(`can't index item of type ${typeof value}`);
  const name = textOf(key);
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : '';
}

function sliceOf(value: unknown, from: unknown, to: unknown): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new TemplateError(`can't slice item of type ${typeof value}`);
  const end = to ?? value.length;
  for (const place of [from, end]) {
    if (!Number.isInteger(place) || Number(place) < 0 || Number(place) > value.length) throw new TemplateError(`index out of range: ${textOf(place)}`);
  }
  return value.slice(Number(from), Number(end));
}

function same(first: unknown, second: unknown): boolean {
  const [a, b] = [first ?? null, second ?? null];
  if (a === null || b === null) return a === b;
  if (typeof a !== typeof b) throw new TemplateError('incompatible types for comparison');
  if (typeof a === 'object') throw new TemplateError('non-comparable type');
  return a === b;
}

function compare(first: unknown, second: unknown): number {
  if (typeof first !== typeof second) throw new TemplateError('incompatible types for comparison');
  if (typeof first === 'number' && typeof second === 'number') return first - second;
  if (typeof first === 'string' && typeof second === 'string') return first < second ? -1 : Number(first > second);
  throw new TemplateError('invalid type for comparison');
}

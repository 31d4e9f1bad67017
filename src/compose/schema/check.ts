/**
 * Checks a value against a schema and scores how near each alternative came, as Docker's validator (gojsonschema) does:
 * an alternative's errors are told only when it fitted best, so a user reads about the form that was meant.
 */
import { goText, isList, isMap, numberOf, Float, ForeignMap, Moment } from '../value.ts';
import type { Path, Value, ValueMap } from '../value.ts';
import { inVersion } from './schema.ts';
import type { Schema } from './schema.ts';
import { fitsFormat } from './formats.ts';

export interface SchemaError {
  path: Path;
  kind: 'type' | 'oneOf' | 'other';
  message: string;
  /** Key that is not known at `path`. */
  unknownKey?: string;
  /** Keys that are, for guessing what was meant. */
  knownKeys?: readonly string[];
  /** What to do instead. */
  hint?: string;
}

interface Outcome {
  errors: SchemaError[];
  score: number;
}

interface Checker {
  root: Schema;
  version: string;
  /** The nearest form is first of all one of the value's own kind; Docker goes by the score alone. */
  byKind: boolean;
  warnings: SchemaError[];
}

/** All errors of `value`, parents before children, empty when it fits; and keys that have no effect. */
export function check(root: Schema, version: string, value: Value, byKind = false): { errors: readonly SchemaError[]; warnings: readonly SchemaError[] } {
  const checker: Checker = { root, version, byKind, warnings: [] };
  return { errors: checkValue(root, value, [], checker).errors, warnings: checker.warnings };
}

function checkValue(schema: Schema, value: Value, path: Path, checker: Checker): Outcome {
  const actual = resolve(schema, checker);
  const outcome: Outcome = { errors: [], score: 0 };
  const hint = schema.refused ?? actual.refused;
  if (hint !== undefined) fail(outcome, { path, kind: 'other', message: 'is not supported on a cluster', hint });
  const kinds = actual.type === undefined ? [] : [actual.type].flat();
  if (kinds.length > 0 && !kinds.some((kind) => isKind(value, kind))) {
    fail(outcome, { path, kind: 'type', message: `must be a ${readable(kinds)}` });
    return outcome;
  }
  if (actual.oneOf) checkAlternatives(actual.oneOf, value, path, checker, outcome);
  if (isList(value)) checkList(actual, value, path, checker, outcome);
  if (isMap(value)) checkMap(actual, value, path, checker, outcome);
  checkScalar(actual, value, path, outcome);
  // One point each for alternatives, kind of value, enumeration and the whole: what separates near misses from far ones.
  outcome.score += 4;
  return outcome;
}

function resolve(schema: Schema, checker: Checker): Schema {
  let actual = schema;
  for (;;) {
    const name = actual.$ref?.replace('#/definitions/', '');
    const next = name === undefined ? actual.versions?.find((candidate) => inVersion(candidate, checker.version)) : checker.root.definitions?.[name];
    if (next === undefined) return actual;
    actual = next;
  }
}

/** The net of an error is one point lost against the point that every finished check earns. */
function fail(outcome: Outcome, error: SchemaError): void {
  outcome.errors.push(error);
  outcome.score -= 2;
}

function merge(outcome: Outcome, other: Outcome): void {
  outcome.errors.push(...other.errors);
  outcome.score += other.score;
}

function isKind(value: Value, kind: string): boolean {
  switch (kind) {
    case 'object':
      return isMap(value) || value instanceof ForeignMap;
    case 'array':
      return isList(value);
    case 'string':
      return typeof value === 'string' || value instanceof Moment;
    case 'integer':
      return Number.isInteger(numberOf(value));
    case 'number':
      return numberOf(value) !== undefined;
    case 'boolean':
      return typeof value === 'boolean';
    default:
      return value === null;
  }
}

function readable(kinds: readonly string[]): string {
  const names = kinds.map((kind) => (kind === 'object' ? 'mapping' : kind === 'array' ? 'list' : kind));
  return names.length === 1 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

function checkAlternatives(alternatives: readonly Schema[], value: Value, path: Path, checker: Checker, outcome: Outcome): void {
  let valid = 0;
  let best: Outcome | undefined;
  for (const alternative of alternatives) {
    const result = checkValue(alternative, value, path, checker);
    if (result.errors.length === 0) valid += 1;
    else if (valid === 0 && (best === undefined || nearer(result, best, path, checker))) best = result;
  }
  if (valid === 1) return;
  fail(outcome, { path, kind: 'oneOf', message: 'Must validate one and only one schema (oneOf)' });
  if (valid === 0 && best) merge(outcome, best);
}

function nearer(result: Outcome, best: Outcome, path: Path, checker: Checker): boolean {
  const ofKind = (outcome: Outcome): boolean => !outcome.errors.some((error) => error.kind === 'type' && error.path.length === path.length);
  if (checker.byKind && ofKind(result) !== ofKind(best)) return ofKind(result);
  return result.score > best.score;
}

function checkList(schema: Schema, list: readonly Value[], path: Path, checker: Checker, outcome: Outcome): void {
  if (schema.items) for (const [index, item] of list.entries()) merge(outcome, checkValue(schema.items, item, [...path, index], checker));
  if (schema.uniqueItems !== true) return;
  const seen = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const text = identity(item);
    const first = seen.get(text);
    if (first !== undefined) fail(outcome, { path, kind: 'other', message: `array items[${first},${index}] must be unique` });
    seen.set(text, index);
  }
}

/** Text that two values share exactly when JSON Schema calls them equal. */
function identity(value: Value): string {
  const number = numberOf(value);
  if (number !== undefined) return `n${number}`;
  if (isList(value)) return `[${value.map(identity).join()}]`;
  if (!isMap(value)) return `${typeof value}${JSON.stringify(goText(value))}`;
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${identity(value[key] ?? null)}`)
    .join()}}`;
}

function checkMap(schema: Schema, map: ValueMap, path: Path, checker: Checker, outcome: Outcome): void {
  for (const key of schema.required ?? []) {
    if (key in map) outcome.score += 1;
    else fail(outcome, { path, kind: 'other', message: `${key} is required` });
  }
  for (const [key, item] of Object.entries(map)) {
    const matches = matching(schema, key, checker);
    if (matches.length === 0 && schema.additionalProperties === false) {
      const knownKeys = Object.entries(schema.properties ?? {}).flatMap(([name, known]) => (inVersion(known, checker.version) ? [name] : []));
      fail(outcome, { path, kind: 'other', message: `Additional property ${key} is not allowed`, unknownKey: key, knownKeys });
    }
    const hint = matches.find((match) => match.warns !== undefined)?.warns;
    if (hint !== undefined) checker.warnings.push({ path: [...path, key], kind: 'other', message: 'has no effect on a cluster', hint });
    for (const match of matches) merge(outcome, checkValue(match, item, [...path, key], checker));
  }
}

/** The schemas that a key's value must fit: its own, and those of the patterns that its name matches. */
function matching(schema: Schema, key: string, checker: Checker): Schema[] {
  const own = schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
  const patterns = Object.entries(schema.patternProperties ?? {}).flatMap(([pattern, candidate]) => (new RegExp(pattern, 'u').test(key) ? [candidate] : []));
  const found = [...(own ? [own] : []), ...patterns].filter((candidate) => inVersion(candidate, checker.version));
  if (found.length === 0 && typeof schema.additionalProperties === 'object') return [schema.additionalProperties];
  return found;
}

function checkScalar(schema: Schema, value: Value, path: Path, outcome: Outcome): void {
  if (schema.enum && !schema.enum.includes(goText(value))) {
    const allowed = schema.enum.map((item) => JSON.stringify(item)).join(', ');
    fail(outcome, { path, kind: 'other', message: `${path.join('.')} must be one of the following: ${allowed}` });
  }
  const number = numberOf(value);
  if (number !== undefined && schema.minimum !== undefined && number < schema.minimum) {
    fail(outcome, { path, kind: 'other', message: `Must be greater than or equal to ${schema.minimum}` });
  }
  const scalar = typeof value === 'string' || number !== undefined || value instanceof Float;
  if (schema.format !== undefined && scalar && !fitsFormat(schema.format, goText(value))) {
    fail(outcome, { path, kind: 'other', message: `Does not match format '${schema.format}'` });
  }
}

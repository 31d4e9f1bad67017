/**
 * Checks a value against a schema with ajv, and says of its errors those that matter as Docker's validator (gojsonschema) does:
 * an alternative's errors are told only when it fitted best, so a user reads about the form that was meant.
 */
import type { ErrorObject } from 'ajv';
import { goText, isList, isMap, numberOf, Moment } from '../value.ts';
import type { Path, Value } from '../value.ts';
import { numberFormat, schemaFor, standalone, withChildren } from './schema.ts';
import type { Group, Schema } from './schema.ts';
import { pointsOfNode, runSchema } from './validator.ts';

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
  definitions: Group;
  /** The nearest form is first of all one of the value's own kind; Docker goes by the score alone. */
  byKind: boolean;
}

/** More mistakes than are ever told: what comes after is not looked into. */
const maxErrors = 1000;

/** Schemas by version, made when first asked for. */
const schemas = new WeakMap<Schema, Map<string, Schema>>();
/** Forms as they are scored. */
const scoredForms = new WeakMap<Schema, Schema>();

/** All errors of `value`, empty when it fits; and keys that have no effect. `root` is in the dialect of `Schema`. */
export function check(root: Schema, version: string, value: Value, byKind = false): { errors: readonly SchemaError[]; warnings: readonly SchemaError[] } {
  const versions = schemas.get(root) ?? new Map<string, Schema>();
  schemas.set(root, versions);
  const schema = versions.get(version) ?? schemaFor(root, version);
  versions.set(version, schema);
  const { errors, notes } = runSchema(schema, plainOf(value));
  const warnings = notes.warnings.map(({ instancePath, hint }): SchemaError => {
    return { path: stepsOf(instancePath), kind: 'other', message: 'has no effect on a cluster', hint };
  });
  return { errors: judged(errors, [], { definitions: schema.definitions ?? {}, byKind }).errors, warnings };
}

/** The value as JSON holds it: dates are texts, and what no file may hold is an empty map. */
function plainOf(value: Value): unknown {
  const number = numberOf(value);
  if (number !== undefined) return number;
  if (value instanceof Moment) return goText(value);
  if (isList(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  // Without a prototype, `constructor` and the like are keys only where the file has them.
  const result = Object.create(null) as Record<string, unknown>;
  if (isMap(value)) for (const [key, item] of Object.entries(value)) result[key] = plainOf(item);
  return result;
}

/** ajv's errors of one run in our words; those inside of alternatives are left to the alternatives' own runs. */
function judged(all: readonly ErrorObject[], base: Path, checker: Checker): Outcome {
  const own = outsideForms(all);
  const node = ({ instancePath, schemaPath }: ErrorObject): string => `${instancePath} ${schemaPath.slice(0, schemaPath.lastIndexOf('/'))}`;
  const wrongKind = new Set(own.filter(({ keyword }) => keyword === 'type').map(node));
  const outcome: Outcome = { errors: [], score: 0 };
  for (const error of own) {
    // A value of the wrong kind fails all else as well, which says nothing new.
    if (error.keyword !== 'type' && error.keyword !== 'refused' && wrongKind.has(node(error))) continue;
    const path = [...base, ...stepsOf(error.instancePath)];
    outcome.errors.push(told(error, path));
    outcome.score -= error.keyword === 'type' ? 2 + pointsOfNode : 2;
    if (error.keyword !== 'oneOf' || error.params['passingSchemas'] !== null) continue;
    const best = bestForm(error.schema as readonly Schema[], error.data, path, checker);
    outcome.errors.push(...best.errors);
    outcome.score += best.score;
  }
  return outcome;
}

/** Of forms that all fail, the first that came nearest. */
function bestForm(forms: readonly Schema[], data: unknown, path: Path, checker: Checker): Outcome {
  let best: Outcome | undefined;
  for (const form of forms) {
    const scored = scoredForms.get(form) ?? tallied(standalone(form, checker.definitions));
    scoredForms.set(form, scored);
    const { errors, notes } = runSchema(scored, data);
    const outcome = judged(errors, path, checker);
    outcome.score += notes.points;
    if (best === undefined || nearer(outcome, best, path, checker)) best = outcome;
  }
  return best ?? { errors: [], score: 0 };
}

function nearer(result: Outcome, best: Outcome, path: Path, checker: Checker): boolean {
  const ofKind = (outcome: Outcome): boolean => !outcome.errors.some((error) => error.kind === 'type' && error.path.length === path.length);
  if (checker.byKind && ofKind(result) !== ofKind(best)) return ofKind(result);
  return result.score > best.score;
}

/** What forms say comes right before the word that none of them fits, and is about the same value or parts of it. */
function outsideForms(all: readonly ErrorObject[]): ErrorObject[] {
  const own: ErrorObject[] = [];
  for (let index = all.length - 1; index >= 0; index -= 1) {
    const error = all[index];
    if (!error) break;
    own.push(error);
    if (error.keyword !== 'oneOf') continue;
    const { instancePath } = error;
    const within = (other: ErrorObject | undefined): boolean =>
      other !== undefined &&
      (other.instancePath === instancePath || other.instancePath.startsWith(`${instancePath}/`)) &&
      other.parentSchema !== error.parentSchema;
    while (within(all[index - 1])) index -= 1;
  }
  return own.reverse().slice(0, maxErrors);
}

/** The same with points counted; a form within has a score of its own. */
function tallied(schema: Schema): Schema {
  return { ...withChildren(schema, tallied, false), tally: true };
}

function told(error: ErrorObject, path: Path): SchemaError {
  const { keyword, params, parentSchema = {} } = error;
  const other = (message: string): SchemaError => ({ path, kind: 'other', message });
  switch (keyword) {
    case 'type':
      return { path, kind: 'type', message: `must be a ${readable([(parentSchema as Schema).type ?? []].flat())}` };
    case 'oneOf':
      return { path, kind: 'oneOf', message: 'Must validate one and only one schema (oneOf)' };
    case 'required':
      return other(`${String(params['missingProperty'])} is required`);
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      return { ...other(`Additional property ${key} is not allowed`), unknownKey: key, knownKeys: Object.keys((parentSchema as Schema).properties ?? {}) };
    }
    case 'uniqueItems':
      return other(`array items[${String(params['first'])},${String(params['index'])}] must be unique`);
    case 'enum':
      return other(`${path.join('.')} must be one of the following: ${(error.schema as readonly string[]).map((item) => JSON.stringify(item)).join(', ')}`);
    case 'minimum':
      return other(`Must be greater than or equal to ${String(error.schema)}`);
    case 'format':
      return other(`Does not match format '${String(error.schema).replace(numberFormat, '')}'`);
    case 'refused':
      return { ...other('is not supported on a cluster'), hint: String(error.schema) };
    default:
      return other(error.message ?? keyword);
  }
}

/** Words as JSON Schema has them, but for maps and lists. */
function readable(kinds: readonly string[]): string {
  const names = kinds.map((kind) => (kind === 'object' ? 'mapping' : kind === 'array' ? 'list' : kind));
  return names.length === 1 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

/** JSON pointer to steps. */
function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

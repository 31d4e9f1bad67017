/** ajv with our words beside those of JSON Schema, and each schema compiled once. */
import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { compareTexts } from '#base/text/text';
import { fitsFormat, formatNames } from './formats.ts';
import { numberFormat } from './schema.ts';
import type { Schema } from './schema.ts';

/** What a run of a validator notes besides errors. */
export interface Notes {
  /** Keys that are accepted without effect. */
  warnings: { instancePath: string; hint: string }[];
  /** Points that the checks of a form earn, mistakes not yet taken off. */
  points: number;
}

interface Judge {
  (this: Notes, schema: unknown, data: unknown, parent?: unknown, place?: { instancePath: string }): boolean;
  errors?: Partial<ErrorObject>[];
}

/** One point each for alternatives, kind of value, enumeration and the whole, as Docker's validator gives them. */
export const pointsOfNode = 4;

/** Words that a format does not fit, in one run: more than are ever told, and each costs some objects in each form of a value. What comes after them is not looked into. */
const mostMisfits = 20_000;
let misfits = 0;

const validators = new WeakMap<Schema, ValidateFunction>();
let shared: Ajv | undefined;

/** Runs `schema` (see `schemaFor`) over JSON-like data; the errors are all there are, those of forms that were not meant included. */
export function runSchema(schema: Schema, data: unknown): { errors: readonly ErrorObject[]; notes: Notes } {
  shared ??= newAjv();
  const validate = validators.get(schema) ?? shared.compile(schema);
  validators.set(schema, validate);
  const notes: Notes = { warnings: [], points: 0 };
  misfits = 0;
  validate.call(notes, data);
  return { errors: validate.errors ?? [], notes };
}

function newAjv(): Ajv {
  // Schemas are ours and examined by tests: looking each over at start would cost more than compiling it.
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    allowUnionTypes: true,
    allowMatchingProperties: true,
    strictNumbers: false,
    verbose: true,
    passContext: true,
    validateSchema: false,
    meta: false,
    inlineRefs: false,
    code: { optimize: false },
  });
  formats.default(ajv, ['ipv4', 'ipv6']);
  for (const name of formatNames) {
    const fits = (text: string): boolean => misfits > mostMisfits || fitsFormat(name, text) || ((misfits += 1), false);
    ajv.addFormat(name, fits);
    ajv.addFormat(name + numberFormat, { type: 'number', validate: (value: number) => fits(String(value)) });
  }
  // ajv's own compares objects by their methods, which a file's keys may hide.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', errors: true, validate: unique });
  ajv.addKeyword({ keyword: 'refused', schemaType: 'string', error: { message: 'is not supported on a cluster' }, validate: () => false });
  ajv.addKeyword({ keyword: 'warns', schemaType: 'string', errors: false, validate: noteWarning });
  ajv.addKeyword({ keyword: 'tally', schemaType: 'boolean', errors: false, validate: notePoints });
  return ajv;
}

function unique(this: Notes, wanted: unknown, data: unknown): boolean {
  const judge: Judge = unique;
  judge.errors = [];
  if (wanted !== true) return true;
  const seen = new Map<string, number>();
  for (const [index, item] of (data as readonly unknown[]).entries()) {
    const text = identity(item);
    const first = seen.get(text);
    if (first !== undefined) judge.errors.push({ keyword: 'uniqueItems', params: { first, index }, message: 'must be unique' });
    seen.set(text, index);
  }
  return judge.errors.length === 0;
}

/** Text that two values share exactly when JSON Schema calls them equal. */
function identity(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(identity).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => compareTexts(a, b));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${identity(item)}`).join()}}`;
}

function noteWarning(this: Notes, hint: unknown, _data: unknown, _parent?: unknown, place?: { instancePath: string }): boolean {
  this.warnings.push({ instancePath: place?.instancePath ?? '', hint: String(hint) });
  return true;
}

function notePoints(this: Notes, _schema: unknown, data: unknown, parent?: unknown): boolean {
  const { required = [] } = parent as Schema;
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data);
  this.points += pointsOfNode + (isObject ? required.filter((key) => key in data).length : 0);
  return true;
}

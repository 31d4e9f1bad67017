/** Schemas whose members are bound to versions of the file. */
import { minorOf } from '#base/text/text';

/**
 * The dialect that our schemas are written in: JSON Schema (draft 7) in which a property or a form may be bound to
 * versions of the file. For one version it becomes ordinary JSON Schema.
 */
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  properties?: Group;
  patternProperties?: Group;
  additionalProperties?: boolean;
  required?: readonly string[];
  items?: Schema;
  uniqueItems?: boolean;
  enum?: readonly string[];
  minimum?: number;
  format?: string;
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  /** First alternative whose `until` is not passed. */
  versions?: readonly Schema[];
  since?: string;
  until?: string;
  /** The key is accepted and without effect; what to do instead. */
  warns?: string;
  /** The key is known and not taken; what to do instead. */
  refused?: string;
  /** Told to who scores forms; set by the checker alone. */
  tally?: boolean;
  definitions?: Group;
}

export type Group = Readonly<Record<string, Schema>>;

/** What stands behind a format's name where it judges a number. */
export const numberFormat = ' of a number';

/** Whether version `version` (`3.10`) lies between `since` and `until`. */
function inVersion(schema: Schema, version: string): boolean {
  if (schema.since !== undefined && minorOf(version) < minorOf(schema.since)) return false;
  return schema.until === undefined || minorOf(version) <= minorOf(schema.until);
}

/** `schema` as ordinary JSON Schema for `version`: forms of other versions left out. */
export function schemaFor(schema: Schema, version: string): Schema {
  const candidates = schema.versions?.find((candidate) => inVersion(candidate, version));
  if (candidates) return { ...schemaFor(candidates, version), ...noted(schema) };
  const { since: _since, until: _until, versions: _versions, ...rules } = schema;
  const known = (children: Group): Group => Object.fromEntries(Object.entries(children).filter(([, child]) => inVersion(child, version)));
  const { properties, patternProperties } = schema;
  const bound = { ...rules, ...formatRules(schema), ...(properties && { properties: known(properties) }) };
  return withChildren({ ...bound, ...(patternProperties && { patternProperties: known(patternProperties) }) }, (child) => schemaFor(child, version));
}

/** `schema`, which came from `schemaFor`, alone: references replaced by what they stand for. */
export function standalone(schema: Schema, definitions: Group): Schema {
  const name = schema.$ref?.split('/').pop();
  const target = name === undefined ? undefined : definitions[name];
  if (target) return { ...standalone(target, definitions), ...noted(schema) };
  return withChildren(schema, (child) => standalone(child, definitions));
}

function noted({ warns, refused }: Schema): Schema {
  return { ...(warns !== undefined && { warns }), ...(refused !== undefined && { refused }) };
}

/** `schema` with every schema right inside it changed. */
export function withChildren(schema: Schema, change: (child: Schema) => Schema, forms = true): Schema {
  const group = (children: Group): Group => Object.fromEntries(Object.entries(children).map(([name, child]) => [name, change(child)]));
  const { properties, patternProperties, definitions, items, oneOf } = schema;
  return {
    ...schema,
    ...(properties && { properties: group(properties) }),
    ...(patternProperties && { patternProperties: group(patternProperties) }),
    ...(definitions && { definitions: group(definitions) }),
    ...(items && { items: change(items) }),
    ...(oneOf && forms && { oneOf: oneOf.map(change) }),
  };
}

/** A format judges texts or numbers; where both are allowed, there are two of them. */
function formatRules({ format, type }: Schema): Schema {
  if (format === undefined) return {};
  const kinds = [type ?? []].flat();
  const numbers = kinds.includes('number') || kinds.includes('integer');
  if (!numbers) return {};
  const ofNumber = format + numberFormat;
  return kinds.includes('string') ? { format, allOf: [{ format: ofNumber }] } : { format: ofNumber };
}

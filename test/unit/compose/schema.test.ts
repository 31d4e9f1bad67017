/** ajv's errors in Docker's words. */
import { describe, expect, test } from 'vitest';
import { check } from '#compose/schema/check';
import { firstErrorText } from '#compose/schema/first-error';
import type { Schema } from '#compose/schema/schema';

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

  test('a form that many mistakes are in gives way to one with fewer', () => {
    const unknown = (count: number) => ({ a: Object.fromEntries(Array.from({ length: count }, (_, index) => [`b${index}`, 1])) });
    const closed: Schema = {
      type: 'object',
      properties: { a: { oneOf: [{ type: 'string' }, { type: 'object', properties: { b: { type: 'integer' } }, additionalProperties: false }] } },
    };
    expect(firstErrorText(check(closed, '3.13', unknown(1)).errors)).toBe('a Additional property b0 is not allowed');
    expect(firstErrorText(check(closed, '3.13', unknown(4)).errors)).toBe('a must be a string');
    expect(firstErrorText(check(closed, '3.13', unknown(4), true).errors)).toBe('a Additional property b0 is not allowed');
  });

  test('keys that hide methods of objects are compared like others', () => {
    const list: Schema = { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } };
    const item = Object.assign(Object.create(null), { valueOf: 1, constructor: 2 }) as Record<string, number>;
    expect(firstErrorText(check(list, '3.13', { a: [item, { ...item }, { ...item, x: 1 }] }).errors)).toBe('a array items[0,1] must be unique');
  });
});

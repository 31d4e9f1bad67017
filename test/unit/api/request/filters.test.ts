import { expect, test } from 'vitest';
import { anyOf, byLabels, byPrefix, parseFilters, readFilters } from '#api/request/filters';
import type { Call } from '#api/router';

test('takes the map form, whatever its keys are set to, and the list form', () => {
  expect(parseFilters('{"label":{"a=b":true,"c":false}}')).toEqual(new Map([['label', ['a=b', 'c']]]));
  expect(parseFilters('{"label":["a=b","c"],"id":[]}')).toEqual(
    new Map([
      ['label', ['a=b', 'c']],
      ['id', []],
    ]),
  );
  expect(parseFilters(null)).toEqual(new Map());
});

test('refuses broken JSON, other shapes and unknown keys', () => {
  expect(() => parseFilters('bad')).toThrow("invalid character 'b' looking for beginning of value");
  expect(() => parseFilters('["a"]')).toThrow('json: cannot unmarshal array into Go value of type map[string]map[string]bool');
  expect(() => parseFilters('{"label":"a"}')).toThrow('json: cannot unmarshal string into Go value of type map[string]bool');
  expect(() => parseFilters('{"label":[1]}')).toThrow('json: cannot unmarshal array into Go value of type map[string]bool');
  expect(() => parseFilters('{"label":{"a":"b"}}')).toThrow('json: cannot unmarshal string into Go value of type bool');
  expect(() => parseFilters('{')).toThrow('unexpected end of JSON input');
  expect(parseFilters('null')).toEqual(new Map());
  const call = { query: new URLSearchParams({ filters: '{"foo":["x"]}' }) } as Call;
  expect(() => readFilters(call, ['label'])).toThrow("Invalid filter 'foo'");
});

test('values of a key are alternatives; labels must all match', () => {
  const filters = parseFilters('{"id":["a","b"],"label":["x","y=1"],"none":[]}');
  expect([byPrefix(filters, 'id', 'bcd'), byPrefix(filters, 'id', 'cd'), byPrefix(filters, 'other', 'cd')]).toEqual([true, false, true]);
  expect(anyOf(filters, 'none', () => false)).toBe(true);
  expect(byLabels(filters, 'label', { x: '', y: '1' })).toBe(true);
  expect(byLabels(filters, 'label', { x: '', y: '2' })).toBe(false);
  expect(byLabels(filters, 'label', undefined)).toBe(false);
});

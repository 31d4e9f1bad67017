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

test.each([
  ['{', 'unexpected end of JSON input'],
  ['{"a', 'unexpected end of JSON input'],
  ['[1,', 'unexpected end of JSON input'],
  ["{'label':1}", String.raw`invalid character '\'' looking for beginning of object key string`],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"label":x}', "invalid character 'x' looking for beginning of value"],
  ['{"a":1}}', "invalid character '}' after top-level value"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
  ['["a" "b"]', `invalid character '"' after array element`],
])('broken JSON is refused at the place that Go names: %s', (text, message) => {
  expect(() => parseFilters(text)).toThrow(expect.objectContaining({ status: 400, message }));
});

/** Numbers as Go's decoder takes and refuses them, by their spelling. */
import { expect, test } from 'vitest';
import { parseJson, SpelledNumber } from '#model/shape/json';
import { flag, float32, int64, object, text, uint16, uint64, unbuilt } from '#model/shape/shape';

test.each([
  [uint64, '18446744073709551615', true],
  [uint64, '18446744073709551616', false],
  [uint64, '-0', false],
  [uint64, '1e3', false],
  [uint64, '2.0', false],
  [uint64, '1e20', false],
  [int64, '9223372036854775807', true],
  [int64, '9223372036854775808', false],
  [int64, '-9223372036854775808', true],
  [int64, '-9223372036854775809', false],
  [int64, '-0', true],
  [int64, '3.0', false],
  [int64, '1000000000000000000000000', false],
  [uint16, '65535.0', false],
  [float32, '5e-1', true],
  [float32, '0.25', true],
  [float32, '1e39', false],
] as const)('%o %s: %s', (shape, spelling, taken) => {
  const read = () => shape((parseJson(` { "a" : ${spelling} }`) as { a: unknown }).a, 'Count');
  // The very largest are kept as the next ones that Go reads back.
  if (taken) expect(Math.abs(read() - Number(spelling))).toBeLessThanOrEqual(2048);
  else expect(read).toThrow(`json: cannot unmarshal number ${spelling.startsWith('1e39') ? '1e+39' : spelling} into Go struct field Count of type`);
});

test('what is no number stays as it is: strings with digits, quotes and slashes in them', () => {
  const value = { 'a\\"1e5': '2.0 "\\" -0', list: [1, -5, 123_456], nested: { '1.5': true } };
  expect(parseJson(JSON.stringify(value))).toEqual(value);
  expect(parseJson('{"a":[1.5,"1.5"]}')).toEqual({ a: [new SpelledNumber('1.5'), '1.5'] });
});

test('a number in the place of something else is refused as a number', () => {
  const odd = new SpelledNumber('1e3');
  expect(() => text(odd, 'Name')).toThrow('cannot unmarshal number into');
  expect(() => flag(odd, 'Init')).toThrow('cannot unmarshal number into');
  expect(() => object<{ A: string }>({ A: text })(odd, 'Spec')).toThrow('cannot unmarshal number into');
  expect(unbuilt('why')(new SpelledNumber('0.0'), 'X')).toBeUndefined();
  expect(() => unbuilt('why')(odd, 'X')).toThrow('X is not supported');
});

test('broken texts are told of as they came', () => {
  for (const broken of ['{"a":1.5', '{"a":"1.5', '1.2.3', '-', '{"a":--1}', '["\\']) expect(() => parseJson(broken), broken).toThrow(SyntaxError);
});

test('a large text is read in no time that grows faster than it', () => {
  expect((parseJson(`{"a":"${'\\\\'.repeat(500_000)}","b":1.5}`) as { b: unknown }).b).toEqual(new SpelledNumber('1.5'));
});

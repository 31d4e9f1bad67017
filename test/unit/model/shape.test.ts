import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { base64Fault } from '#model/shape/field-types';
import { base64, float32, int64, list, object, record, text, uint16, uint32, uint64, word } from '#model/shape/shape';

interface Sample {
  Name?: string;
  Count?: number;
  Tags?: readonly string[];
  Labels?: Readonly<Record<string, string>>;
  Inner?: { Mode?: 'a' | 'b' };
}

const sample = object<Sample>({
  Name: text,
  Count: uint64,
  Tags: list(text),
  Labels: record(text),
  Inner: object<NonNullable<Sample['Inner']>>({ Mode: word('Mode', 'a', 'b') }),
});

test('reads like Go: keys in any case, nulls and unknown keys dropped, empty words unsaid', () => {
  const value = { name: 'x', COUNT: 3, Tags: ['a', null], Labels: { k: 'v', n: null }, Inner: { Mode: '' }, Unknown: { deep: 1 } };
  expect(sample(value, '')).toEqual({ Name: 'x', Count: 3, Tags: ['a'], Labels: { k: 'v' }, Inner: {} });
  expect(sample({ Name: null, Tags: null, Inner: null }, '')).toEqual({});
});

test.each([
  [{ Name: 1 }, 'json: cannot unmarshal number into Go struct field Name of type string'],
  [{ Count: '3' }, 'json: cannot unmarshal string into Go struct field Count of type uint64'],
  [{ Count: -1 }, 'json: cannot unmarshal number -1 into Go struct field Count of type uint64'],
  [{ Count: 1.5 }, 'json: cannot unmarshal number 1.5 into Go struct field Count of type uint64'],
  [{ Tags: 'a' }, 'json: cannot unmarshal string into Go struct field Tags of type list'],
  [{ Labels: ['a=b'] }, 'json: cannot unmarshal array into Go struct field Labels of type object'],
  [{ Labels: { a: 1 } }, 'json: cannot unmarshal number into Go struct field Labels.a of type string'],
  [{ Inner: { Mode: 'c' } }, 'invalid Mode: "c"'],
  [[], 'json: cannot unmarshal array into Go value of type object'],
])('refuses %j', (value, message) => {
  expect(() => sample(value, '')).toThrow(message);
});

test.each([
  [int64, 2 ** 53 - 1, true],
  [int64, -(2 ** 53) + 1, true],
  [int64, 2 ** 62, true],
  [int64, 2 ** 63 + 2048, 'of type int64'],
  [int64, 1e29, 'json: cannot unmarshal number 1e+29 into Go struct field Count of type int64'],
  [int64, Infinity, 'json: cannot unmarshal number Infinity into Go struct field Count of type int64'],
  [int64, -1e19, 'json: cannot unmarshal number -10000000000000000000 into Go struct field Count of type int64'],
  [uint64, -1, 'of type uint64'],
  [uint64, 2 ** 64 - 2048, true],
  [uint64, 2 ** 65, 'of type uint64'],
  [uint32, 2 ** 32 - 1, true],
  [uint32, 2 ** 32, 'of type uint32'],
  [uint16, 65_536, 'of type uint16'],
  [float32, 0.5, true],
  [float32, 1e39, 'of type float32'],
  [float32, Infinity, 'of type float32'],
] as const)('numbers stay within their type: %o %s', (shape, value, expected) => {
  if (expected === true) expect(shape(value, 'Count')).toBe(value);
  else expect(() => shape(value, 'Count')).toThrow(expected);
});

test("Go's very largest, which JSON rounds up by one, is kept as something that Go reads back", () => {
  expect(BigInt(int64(JSON.parse('9223372036854775807'), 'Count'))).toBeLessThan(2n ** 63n);
  expect(BigInt(JSON.stringify(uint64(JSON.parse('18446744073709551615'), 'Count')))).toBeLessThan(2n ** 64n);
});

test('texts are whole characters, in values and in keys', () => {
  expect(text('a\u{1f600}', 'Name')).toBe('a\u{1f600}');
  expect(() => text('a\ud83d', 'Name')).toThrow('invalid text in Name: it holds half a character');
  expect(() => record(text)({ '\udc00': 'x' }, 'Labels')).toThrow("invalid text in Labels's keys");
});

test.each([
  ['', undefined],
  ['eA==', undefined],
  ['eHk=', undefined],
  ['eHl6', undefined],
  ['eA\r\n==\n', undefined],
  ['eA', 0],
  ['eA=', 3],
  ['eA=x', 2],
  ['e', 0],
  ['eHlze', 4],
  ['eHlzeA=', 7],
  ['eA\r\n=\n', 6],
  ['e===', 1],
  ['eA==eA==', 4],
  ['e_-=', 1],
  ['e A=', 1],
])('base64 is judged as Go judges it, at the place that it names: %j', (value, fault) => {
  expect(base64Fault(value)).toBe(fault);
  if (fault === undefined) expect(base64(value, 'Data')).toBe(value.replaceAll(/[\r\n]/g, ''));
  else expect(() => base64(value, 'Data')).toThrow(`illegal base64 data at input byte ${fault}`);
});

test('base64 of megabytes is judged at every place', () => {
  const sound = randomBytes(150_000).toString('base64');
  expect(base64Fault(sound)).toBeUndefined();
  expect(base64Fault(`${sound.slice(0, 70_001)}\n${sound.slice(70_001)}`)).toBeUndefined();
  for (const at of [0, 3, 65_535, 65_536, 131_072, 199_990]) {
    for (const stranger of ['-', '_', '$', '\u00e9', '\u0141'])
      expect(base64Fault(`${sound.slice(0, at)}${stranger}${sound.slice(at + 1)}`), `${stranger} at ${at}`).toBe(at);
  }
  expect(base64Fault(sound.slice(0, -1))).toBe(sound.length - 4);
  expect(base64Fault(`${sound.slice(0, 65_532)}====${sound}`)).toBe(65_532);
});

test('base64 in lines is judged at every place, too', () => {
  const lines = randomBytes(300_000).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
  expect(base64Fault(lines)).toBeUndefined();
  for (const at of [0, 65_535, 65_536, 131_073, 400_000]) {
    const place = lines.charAt(at).trim() === '' ? at + 2 : at;
    expect(base64Fault(`${lines.slice(0, place)}$${lines.slice(place + 1)}`)).toBe(place);
  }
});

test('what is longer than anything that is kept is not looked at', () => {
  const long = '\n$'.repeat(1024 * 1024 + 1);
  expect(base64(long, 'Data')).toBe(long);
});

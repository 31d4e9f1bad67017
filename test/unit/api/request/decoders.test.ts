import { expect, test } from 'vitest';
import { count, list, object, record, text, word } from '#api/request/decoders';

interface Sample {
  Name?: string;
  Count?: number;
  Tags?: readonly string[];
  Labels?: Readonly<Record<string, string>>;
  Inner?: { Mode?: 'a' | 'b' };
}

const sample = object<Sample>({
  Name: text,
  Count: count,
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
  [{ Count: '3' }, 'json: cannot unmarshal string into Go struct field Count of type number'],
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

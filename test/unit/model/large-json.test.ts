/** JSON in steps: the same value as the parser's, and the same refusals. */
import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { integerBetween, seededRandom, type Random } from '#base/random';
import { SpelledNumber } from '#model/shape/json';
import { FrameTooLarge, parseLargeJson } from '#model/shape/large-json';

const parse = (text: string): unknown => finish(parseLargeJson(Buffer.from(text)));

/** A value with texts of all lengths, in keys too. */
function valueOf(random: Random, depth: number): unknown {
  const kind = integerBetween(random, 0, depth === 0 ? 3 : 5);
  if (kind === 0) return integerBetween(random, 0, 1000);
  if (kind === 1) return [true, false, null][integerBetween(random, 0, 2)];
  if (kind <= 3) return textOf(random);
  const members = Array.from({ length: integerBetween(random, 0, 5) }, () => valueOf(random, depth - 1));
  return kind === 4 ? members : Object.fromEntries(members.map((member) => [textOf(random), member]));
}

function textOf(random: Random): string {
  const word = ['abcdefgh', 'é\u{1f41f}', 'a"b\\', '\n\u0001', '{}[],:'][integerBetween(random, 0, 4)] ?? '';
  return word.repeat(random.next() < 0.3 ? integerBetween(random, 2_000, 9_000) : integerBetween(random, 0, 3)) + integerBetween(random, 0, 1e9);
}

test('any value is what the parser makes of it', () => {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  for (let run = 0; run < 150; run++) {
    const value = valueOf(random, 4);
    expect(parse(JSON.stringify(value)), `seed ${seed}, run ${run}`).toEqual(value);
  }
});

test('numbers keep their spelling beside long texts', () => {
  expect(parse(`{"a": 1.50, "b": "${'x'.repeat(50_000)}"}`)).toEqual({ a: new SpelledNumber('1.50'), b: 'x'.repeat(50_000) });
});

const long = 'x'.repeat(50_000);
test.each([
  ['a text that does not end', `"${long}`],
  ['an object that does not end', `{"a":"${long}"`],
  ['a text with a line end in it', `"${long}\n${long}"`],
  ['a text with a bad escape', `"${long}\\x${long}"`],
  ['two values', `"${long}""${long}"`],
  ['what is nested beyond sense', `["${long}",${'['.repeat(101)}${']'.repeat(101)}]`],
])('%s is refused', (_what, text) => {
  expect(() => parse(text)).toThrow(SyntaxError);
});

test('what is left beside long texts has a bound', () => {
  expect(() => parse(`[${'"ab",'.repeat(2_000_000)}"${long}"]`)).toThrow(FrameTooLarge);
});

test('a long body is parsed in many steps', () => {
  let steps = 0;
  const parts = parseLargeJson(Buffer.from(JSON.stringify(Array.from({ length: 64 }, () => 'y'.repeat(200_000)))));
  while (parts.next().done !== true) steps++;
  expect(steps).toBeGreaterThan(8);
});

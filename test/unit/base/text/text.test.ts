import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareTexts, minorOf } from '#base/text/text';

test('texts are in the order of their UTF-8 bytes', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareTexts(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))));
  expect(compareTexts('\u{1f600}', '\uffee')).toBeGreaterThan(0);
});

test('the second number of a version', () => {
  expect(['1.47', '3.10', '3', ''].map(minorOf)).toEqual([47, 10, 0, 0]);
});

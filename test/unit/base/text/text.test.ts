import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareTexts } from '#base/text/text';

test('texts are in the order of their UTF-8 bytes', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareTexts(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))));
  expect(compareTexts('\u{1f600}', '\uffee')).toBeGreaterThan(0);
});

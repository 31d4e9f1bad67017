import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLength } from '#base/text/json-length';

test('it is the length of the text that JSON.stringify makes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (each) => {
      expect(jsonLength(each)).toBe(JSON.stringify(each).length);
    }),
  );
  const long = 'x'.repeat(5000);
  for (const each of [long, `${long}"`, `${long}\n`, `${long}\\`, { a: undefined, b: [undefined, null] }, '\ud800', '\u2028"\\\n', [], {}, 'ä€😀', -0, 1e21]) {
    expect(jsonLength(each)).toBe(JSON.stringify(each).length);
  }
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from '#base/codec';
import { Refusal } from '#base/refusal';

test('JSON values survive', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      expect(decode(encode(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { seed: 12 },
  );
});

test.each([
  ['another version', new Uint8Array([9, 0x7b, 0x7d]), 'cannot read data of format version 9; this program reads version 1'],
  ['nothing', new Uint8Array(), 'cannot read data of format version none'],
  ['half a value', encode({ a: 1 }).subarray(0, 4), 'cannot decode 4 bytes'],
  ['no text', new Uint8Array([1, 0xff]), 'cannot decode 2 bytes'],
])('%s is refused', (_what, bytes, message) => {
  expect(() => decode(bytes)).toThrow(Refusal);
  expect(() => decode(bytes)).toThrow(message);
});

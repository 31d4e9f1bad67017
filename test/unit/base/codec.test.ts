import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, decodeForeign, encode } from '#base/codec';
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

/** As somebody sends it: depth that JSON.stringify may not manage. */
const nested = (depth: number, within: string): Uint8Array =>
  new Uint8Array([1, ...Buffer.from(`${'[{"a":'.repeat(depth / 2)}${within}${'}]'.repeat(depth / 2)}`)]);

test.each([102, 6000, 20_000])('what others nest %d deep is refused before anybody walks over it', (depth) => {
  expect(() => decodeForeign(nested(depth, '1'), 1_000_000)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
});

test('brackets in texts nest nothing', () => {
  const text = JSON.stringify(`"\\${'[{'.repeat(200)}"`);
  expect(decodeForeign(nested(100, text), 1_000_000)).toEqual(decode(nested(100, text)));
});

test('what others send is refused by its length before it is read', () => {
  expect(() => decodeForeign(encode('x'.repeat(100)), 100)).toThrow('a message has 103 bytes: at most 100 are taken');
});

import { expect, test } from 'vitest';
import { unlockKeyOf, unlockKeyText } from '#model/trust/unlock-key';

test('a key is written as Docker writes it, and read again', () => {
  const bytes = new Uint8Array(32).map((_, at) => at * 7);
  const text = unlockKeyText(bytes);
  expect(text).toMatch(/^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
  expect(Buffer.from(unlockKeyOf(` ${text}\n`) ?? [])).toEqual(Buffer.from(bytes));
});

test.each([
  '',
  'x',
  'SWMKEY-1-',
  `SWMKEY-1-${'A'.repeat(42)}`,
  `SWMKEY-1-${'A'.repeat(44)}`,
  `SWMKEY-2-${'A'.repeat(43)}`,
  `SWMKEY-1-${'!'.repeat(43)}`,
  `SWMKEY-1-${'B'.repeat(43)}`,
])('no key: %j', (text) => {
  expect(unlockKeyOf(text)).toBeUndefined();
});

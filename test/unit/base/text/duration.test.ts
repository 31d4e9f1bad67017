import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, milliseconds, parseDuration, second } from '#base/text/duration';

test.each([
  ['0', 0],
  ['10s', 10 * second],
  ['1h30m', 5400 * second],
  ['1.5s', 1.5 * second],
  ['.5s', 0.5 * second],
  ['1m0.5s', 60.5 * second],
  ['100ms', 1e8],
  ['1us', 1e3],
  ['1µs', 1e3],
  ['7ns', 7],
  ['-2m', -120 * second],
  ['+3s', 3 * second],
])('%s is %d ns', (text, nanoseconds) => {
  expect(parseDuration(text)).toBe(nanoseconds);
});

test.each(['', '10', 's', '1x', '1s ', ' 1s', '1.2.3s', '1d', '--1s', '1 s', '-'])('"%s" is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0s'],
  [7, '7ns'],
  [1500, '1.5µs'],
  [2e6, '2ms'],
  [1.5 * second, '1.5s'],
  [60 * second, '1m0s'],
  [3600 * second, '1h0m0s'],
  [5400.25 * second, '1h30m0.25s'],
  [-10 * second, '-10s'],
])('%d ns is written %s', (nanoseconds, text) => {
  expect(formatDuration(nanoseconds)).toBe(text);
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -3600_000, max: 3600_000 }), (ms) => {
      expect(parseDuration(formatDuration(ms * 1e6))).toBe(ms === 0 ? 0 : ms * 1e6);
    }),
    { seed: 11 },
  );
});

test('milliseconds of what is absent are the fallback', () => {
  expect(milliseconds(undefined, 5 * second)).toBe(5000);
  expect(milliseconds(0, 5 * second)).toBe(0);
});

import { expect, test } from 'vitest';
import { capital, humanDuration, humanSize, parseSize } from '#base/text/human';

test.each([
  [400, 'Less than a second'],
  [1000, '1 second'],
  [59_000, '59 seconds'],
  [60_000, 'About a minute'],
  [46 * 60_000, '46 minutes'],
  [60 * 60_000, 'About an hour'],
  [47 * 3_600_000, '47 hours'],
  [3 * 86_400_000, '3 days'],
  [21 * 86_400_000, '3 weeks'],
  [90 * 86_400_000, '3 months'],
  [900 * 86_400_000, '2 years'],
])('%i ms are %s', (spanMs, text) => expect(humanDuration(spanMs)).toBe(text));

test.each([
  ['64M', 67_108_864],
  ['1.5g', 1_610_612_736],
  ['512mb', 536_870_912],
  ['10', 10],
  ['1KiB', 1024],
])('%s is %s bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each([
  ['x', "invalid size: 'x'"],
  ['-1m', "invalid size: '-1m'"],
  ['1x', "invalid suffix: 'x'"],
  ['1kbb', "invalid suffix: 'kbb'"],
])('%s is refused: %s', (text, message) => expect(() => parseSize(text)).toThrow(message));

test('sizes have four digits', () => {
  expect(humanSize(25_134_907_392)).toBe('23.41GiB');
  expect(humanSize(512)).toBe('512B');
});

test('a word with a capital', () => {
  expect(['running', 'Ready', ''].map(capital)).toEqual(['Running', 'Ready', '']);
});

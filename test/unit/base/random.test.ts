import { expect, test } from 'vitest';
import { integerBetween, seededRandom, type Random } from '#base/random';

function draw(random: Random, count = 50): number[] {
  return Array.from({ length: count }, () => random.next());
}

test('a seed and a purpose give one series, others give others', () => {
  expect(draw(seededRandom(1))).toEqual(draw(seededRandom(1)));
  expect(draw(seededRandom(1))).not.toEqual(draw(seededRandom(2)));
  expect(draw(seededRandom(1, 'a'))).not.toEqual(draw(seededRandom(1, 'b')));
});

test('draws here do not move a stream that was split off', () => {
  const random = seededRandom(4);
  const before = draw(random.split('ids'));
  draw(random);
  expect(draw(random.split('ids'))).toEqual(before);
});

test('numbers are spread over [0, 1), integers over their bounds', () => {
  const numbers = draw(seededRandom(5), 10_000);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  expect(Math.abs(numbers.reduce((sum, value) => sum + value, 0) / numbers.length - 0.5)).toBeLessThan(0.02);
  const random = seededRandom(6);
  const integers = new Set(Array.from({ length: 500 }, () => integerBetween(random, -1, 3)));
  expect([...integers].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3]);
  expect(seededRandom(7).bytes(5)).toHaveLength(5);
});

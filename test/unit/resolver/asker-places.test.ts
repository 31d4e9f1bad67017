import { expect, test } from 'vitest';
import { AskerPlaces } from '#resolver/asker-places';

test('a few that ask for what nobody answers leave the others theirs, and one alone has no more than its own', () => {
  const places = new AskerPlaces();
  const taken = (asker: string, queries: number) => Array.from({ length: queries }, () => places.take(asker)).filter((leave) => leave !== undefined);
  const own = taken('10.0.0.1', 300);
  expect(own).toHaveLength(200);
  for (let asker = 2; asker <= 5; asker += 1) taken(`10.0.0.${asker}`, 300);
  expect(taken('10.0.0.9', 50)).toHaveLength(50);
  expect(taken('10.0.0.2', 50)).toHaveLength(0);
  for (const leave of own) leave();
  expect(taken('10.0.0.1', 1)).toHaveLength(1);
});

test('askers without number find an end', () => {
  const places = new AskerPlaces();
  const taken = Array.from({ length: 5000 }, (_, asker) => places.take(String(asker))).filter((leave) => leave !== undefined);
  expect(taken).toHaveLength(1000);
});

/** Who keeps git busy keeps it from nobody else. */
import { expect, test } from 'vitest';
import { hasPlace } from '#model/git/git-request';

test('a token has some of its repository’s places, that some of all', () => {
  const served: { id: string; user: string }[] = [];
  const comes = (id: string, user: string): boolean => {
    const has = hasPlace(served, { id, user });
    if (has) served.push({ id, user });
    return has;
  };
  const times = (count: number, id: string, user: string): number => Array.from({ length: count }, () => comes(id, user)).filter(Boolean).length;
  expect(times(10, 'infra', 'reader')).toBe(4);
  expect(times(10, 'infra', 'pusher')).toBe(4);
  expect(times(10, 'infra', 'another')).toBe(0);
  expect(times(4, 'shop', 'reader') + times(10, 'shop', 'pusher')).toBe(8);
  expect(times(1, 'web', 'pusher')).toBe(0);
});

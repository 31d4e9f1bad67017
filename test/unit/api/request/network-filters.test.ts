import { expect, test } from 'vitest';
import { parseFilters } from '#api/request/filters';
import { passesList, passesPrune, timestampOf } from '#api/request/network-filters';
import type { NetworkResource } from '#api/view/network';

const network: NetworkResource = {
  Name: 'web_front',
  Id: 'abc',
  Created: '2026-01-01T00:00:00.000Z',
  Scope: 'swarm',
  Driver: 'overlay',
  Labels: { team: 'a' },
};
const now = Date.UTC(2026, 0, 1, 2);

test.each([
  ['{"name":["front"]}', true],
  ['{"name":["back"]}', false],
  ['{"driver":["overlay"],"scope":["swarm"],"type":["custom"]}', true],
  ['{"scope":["local"]}', false],
  ['{"type":["builtin"]}', false],
  ['{"dangling":["true"]}', false],
  ['{"dangling":["false"]}', true],
  ['{"label":["team=a"]}', true],
  ['{"label":["team=b"]}', false],
])('a used network in a list: %s', (filters, expected) => {
  expect(passesList(parseFilters(filters), network, () => true)).toBe(expected);
});

test.each([
  ['{"until":["1h"]}', true],
  ['{"until":["3h"]}', false],
  ['{"label":["team"]}', true],
  ['{"label!":["team"]}', false],
  ['{"label!":["other"]}', true],
])('pruning: %s', (filters, expected) => {
  expect(passesPrune(parseFilters(filters), network, now)).toBe(expected);
});

test('reads the times that clients send', () => {
  expect(timestampOf('1767225600', now)).toBe(Date.UTC(2026, 0, 1));
  expect(timestampOf('1767225600.500000000', now)).toBe(Date.UTC(2026, 0, 1) + 500);
  expect(timestampOf('10m', now)).toBe(now - 600_000);
  expect(timestampOf('2026-01-01T00:00:00Z', now)).toBe(Date.UTC(2026, 0, 1));
  expect(timestampOf('soon', now)).toBeNaN();
});

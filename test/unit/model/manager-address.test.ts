import { expect, test } from 'vitest';
import { isPlace, placeParts } from '#model/manager-address';

test.each(['192.0.2.1:2377', '[fd00::2]:4711', 'manager-1.example:65535', 'm1:1'])('%s is where a manager may be reached', (text) => {
  expect(isPlace(text)).toBe(true);
});

test.each([
  '',
  '192.0.2.1',
  '192.0.2.1:0',
  '192.0.2.1:65536',
  '999.1.1.1:2377',
  '0.0.0.0:2377',
  '[::]:2377',
  '[x]:1',
  'a b:1',
  'm1:1\n',
  `${'a'.repeat(254)}:1`,
  'http://m1:1',
])('%j is not', (text) => {
  expect(isPlace(text)).toBe(false);
});

test('host and port are taken apart in one way, for whoever connects or listens', () => {
  expect(placeParts('192.0.2.1:2377')).toEqual({ host: '192.0.2.1', port: 2377 });
  expect(placeParts('[fd00::2]:4711')).toEqual({ host: 'fd00::2', port: 4711 });
  expect(placeParts('manager-1.example:1')).toEqual({ host: 'manager-1.example', port: 1 });
});

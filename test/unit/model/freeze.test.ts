import { expect, test } from 'vitest';
import { checkFreeze, frozenBy } from '#model/freeze';

const at = (text: string): number => Date.parse(text);
const weekend = 'Fri 16:00-Mon 08:00 Europe/Berlin';

test.each([
  [weekend, '2026-11-20T14:59:00Z', false],
  [weekend, '2026-11-20T15:00:00Z', true],
  [weekend, '2026-11-22T12:00:00Z', true],
  [weekend, '2026-11-23T06:59:00Z', true],
  [weekend, '2026-11-23T07:00:00Z', false],
  // In summer the same clock shows it an hour earlier.
  [weekend, '2026-07-03T14:00:00Z', true],
  ['Mon 08:00-Fri 16:00', '2026-11-25T00:00:00Z', true],
  ['Mon 08:00-Fri 16:00', '2026-11-22T00:00:00Z', false],
  ['22:00-06:00', '2026-11-22T23:00:00Z', true],
  ['22:00-06:00', '2026-11-22T06:00:00Z', false],
  ['9:30-10:00 UTC', '2026-11-22T09:45:00Z', true],
  ['2026-12-20/2027-01-02', '2026-12-19T23:59:00Z', false],
  ['2026-12-20/2027-01-02', '2026-12-20T00:00:00Z', true],
  ['2026-12-20/2027-01-02', '2027-01-01T23:59:00Z', true],
  ['2026-12-20/2027-01-02', '2027-01-02T00:00:00Z', false],
  ['2028-02-29/2028-03-01', '2028-02-29T12:00:00Z', true],
  ['2026-12-20T12:00/2026-12-20T13:00 America/New_York', '2026-12-20T17:30:00Z', true],
])('%s at %s: %s', (window, time, holds) => expect(frozenBy(['2020-01-01/2020-01-02', window], at(time))).toBe(holds ? window : undefined));

test.each([
  '',
  'always',
  'Fri 16:00',
  'Fri 16:00-Fri 16:00',
  'Fry 16:00-Mon 08:00',
  '25:00-26:00',
  '10:60-11:00',
  '2026-12-20/2026-12-20',
  '22:00-06:00 Mars/Base',
  '2027-02-30/2027-03-02',
  '2027-02-29/2027-03-02',
  '2027-04-30/2027-13-01',
  '2027-00-10/2027-06-31',
  '2027-06-00/2027-06-30',
  '2027-06-01T24:30/2027-06-02',
  'Fri 16:00-08:00',
])('"%s" is no window', (text) => expect(() => checkFreeze([text])).toThrow('is no freeze window: write'));

import { expect, test } from 'vitest';
import { roleStep, type Roles } from '#ca/role-step';

const role = (text: string): Roles['has'] => (text === 'manager' ? 'manager' : 'worker');

test.each([
  ['manager', 'manager', 'manager', undefined],
  ['worker', 'manager', 'manager', 'renew'],
  ['worker', 'worker', 'manager', 'demote'],
  ['manager', 'worker', 'worker', 'renew'],
  ['manager', 'manager', 'worker', 'promote'],
  // Wanted again before the certificate of the role before had come.
  ['manager', 'worker', 'manager', 'demote'],
  ['worker', 'manager', 'worker', 'renew'],
])('wanted as %s, certified as %s, running as %s: %s', (wanted, certified, has, step) => {
  expect(roleStep({ wanted: role(wanted), certified: role(certified), has: role(has) })).toBe(step);
});

test('without a certificate another one is asked for where the role is another, and without anything wanted nothing is done', () => {
  expect(roleStep({ wanted: 'worker', certified: undefined, has: 'manager' })).toBe('renew');
  expect(roleStep({ wanted: 'worker', certified: undefined, has: 'worker' })).toBe(undefined);
  expect(roleStep({ wanted: undefined, certified: 'worker', has: 'manager' })).toBe(undefined);
});

import { expect, test } from 'vitest';
import { authorizedMethods, callerByKey, type Members } from '#rpc/authorization';

const now = 1000;
const members = (certifiedUntil: number | undefined, readmittedUntil = 0): Members => ({
  clusterId: () => 'c',
  roleOf: () => 'worker',
  current: () => true,
  byKey: (digest) => (digest === 'known' ? { nodeId: 'n', role: 'worker', clusterId: 'c', certifiedUntil, readmittedUntil } : undefined),
});
const renew = '/shoal.v1.CaService/Renew';

test('the key of its newest certificate lets a node ask for the next one, and do nothing else', () => {
  for (const method of [...authorizedMethods, '/nobody/Knows', 'constructor'])
    expect(callerByKey(method, 'known', members(now + 1), now), method).toEqual(method === renew ? { nodeId: 'n', role: 'worker', clusterId: 'c' } : undefined);
  expect(callerByKey(renew, 'other', members(now + 1), now)).toBeUndefined();
});

test('when its newest certificate has expired, whatever it shows, somebody has to say yes first', () => {
  expect(() => callerByKey(renew, 'known', members(now), now)).toThrow('"shoal node readmit n" on a manager lets it have another one');
  expect(callerByKey(renew, 'known', members(now, now + 1), now)?.nodeId).toBe('n');
  expect(() => callerByKey(renew, 'known', members(now, now), now)).toThrow('has expired');
});

test('of a key that an earlier program noted alone it is said that nothing more is known, and a yes decides', () => {
  expect(() => callerByKey(renew, 'known', members(undefined), now)).toThrow(
    'until when the certificate of node n is good is not known: "shoal node readmit n" on a manager lets it have another one',
  );
  expect(callerByKey(renew, 'known', members(undefined, now + 1), now)?.nodeId).toBe('n');
});

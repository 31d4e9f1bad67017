import { expect, test } from 'vitest';
import { authorizedMethods, callerByKey, type Members } from '#rpc/authorization';

const now = 1000;
const members = (readmittedUntil = 0): Members => ({
  clusterId: () => 'c',
  roleOf: () => 'worker',
  current: () => true,
  byKey: (digest) => (digest === 'known' ? { nodeId: 'n', role: 'worker', clusterId: 'c', readmittedUntil } : undefined),
});
const renew = '/shoal.v1.CaService/Renew';

test('the key of its newest certificate lets a node ask for the next one, and do nothing else', () => {
  const proof = { digest: 'known', notAfter: now + 1 };
  for (const method of [...authorizedMethods, '/nobody/Knows', 'constructor'])
    expect(callerByKey(method, proof, members(), now), method).toEqual(method === renew ? { nodeId: 'n', role: 'worker', clusterId: 'c' } : undefined);
  expect(callerByKey(renew, { ...proof, digest: 'other' }, members(), now)).toBeUndefined();
});

test('with a certificate that has expired somebody has to say yes first', () => {
  const proof = { digest: 'known', notAfter: now };
  expect(() => callerByKey(renew, proof, members(), now)).toThrow('"shoal node readmit n" on a manager lets it have another one');
  expect(callerByKey(renew, proof, members(now + 1), now)?.nodeId).toBe('n');
  expect(() => callerByKey(renew, proof, members(now), now)).toThrow('has expired');
});

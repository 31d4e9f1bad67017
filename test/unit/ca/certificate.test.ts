import { expect, test } from 'vitest';
import { identityOf, nodeTemplate, rootTemplate } from '#ca/certificate';
import { hasExpired, renewAgainMs, renewAt } from '#ca/renewal';

const now = Date.UTC(2030, 0, 1);
const hour = 3_600_000;
const worker = { nodeId: 'n1', role: 'worker', clusterId: 'c1' } as const;

test('a node certificate says id, role and cluster, and can be read back', () => {
  const template = nodeTemplate(worker, now, 90 * 24 * hour * 1e6);
  expect(template).toEqual({
    subject: { commonName: 'n1', organizationalUnit: 'swarm-worker', organization: 'c1' },
    names: ['swarm-worker', 'n1'],
    validity: { notBefore: now - hour, notAfter: now + 90 * 24 * hour },
  });
  expect(identityOf(template.subject)).toEqual(worker);
});

test('only a manager answers to the name that joiners call', () => {
  expect(nodeTemplate({ ...worker, role: 'manager' }, now, hour * 1e6).names).toEqual(['swarm-manager', 'n1', 'swarm-ca']);
});

test('no certificate is made for less than an hour', () => {
  expect(nodeTemplate(worker, now, 1).validity.notAfter).toBe(now + hour);
});

test('a root is no node, and neither is a certificate that lacks a part', () => {
  expect(identityOf(rootTemplate(now).subject)).toBeUndefined();
  expect(identityOf({ commonName: 'n1', organizationalUnit: 'swarm-worker' })).toBeUndefined();
  expect(identityOf({ commonName: 'n1', organizationalUnit: 'swarm-admin', organization: 'c1' })).toBeUndefined();
  expect(identityOf({ commonName: '', organizationalUnit: 'swarm-worker', organization: 'c1' })).toBeUndefined();
});

test('it is renewed between half and four fifths of its life, and the more often it failed the later again', () => {
  const validity = { notBefore: now, notAfter: now + 100 * hour };
  expect(renewAt(validity, 0)).toBe(now + 50 * hour);
  expect(renewAt(validity, 0.999_999_999)).toBe(now + 80 * hour);
  expect([1, 2, 3, 100].map((failures) => renewAgainMs(failures, true, 1))).toEqual([5000, 10_000, 20_000, hour]);
  expect([1, 2, 3, 100].map((failures) => renewAgainMs(failures, false, 1))).toEqual([5000, 10_000, 20_000, 60_000]);
  expect(hasExpired(validity, now + 100 * hour - 1)).toBe(false);
  expect(hasExpired(validity, now + 100 * hour)).toBe(true);
});

import { expect, test } from 'vitest';
import { finishRotation, newRoot } from '#ca/authority';
import { certificates } from '#identity/certificates';
import { changedAuthority } from '#manager/authority/root-change';
import type { Authority } from '#model/object/authority';
import type { ClusterSpec } from '#model/object/cluster';
import { TestAuthority } from '#test/support/cluster-certificates';

const now = Date.now();
const { authority } = await TestAuthority.begin();
/** Roots that an external CA signs with. */
const elsewhere: string[] = [];
const signs = async (issuer: string) => elsewhere.includes(issuer);
const change = (wanted: Partial<ClusterSpec['CAConfig']>, from: Authority = authority, at = now) =>
  changedAuthority(from, { NodeCertExpiry: 0, ...wanted }, { certificates, now: at, signs });
const given = await newRoot(certificates, now);

/** A leaf that the root on its way in has signed, with what goes along. */
async function leafOf({ Rotation }: Authority): Promise<{ leaf: string; key: string }> {
  const key = certificates.newKey();
  const { Certificate = '', Key = '', CrossSigned = '' } = Rotation ?? {};
  const template = { subject: { commonName: 'n' }, names: ['n'], validity: { notBefore: now - 1000, notAfter: now + 100_000 } };
  return { key, leaf: await certificates.issue(await certificates.request(key), template, { certificate: Certificate, key: Key, crossSigned: CrossSigned }) };
}

test('counted up, a new root is on its way in, and who trusts the old one alone trusts what it signs', async () => {
  expect(await change({})).toBeUndefined();
  const rotating = await change({ ForceRotate: 1 });
  expect(rotating?.Rotation?.Certificate).not.toBe(authority.Certificate);
  expect(await change({ ForceRotate: 1 }, rotating)).toBeUndefined();
  const { leaf, key } = await leafOf(rotating as Authority);
  expect(certificates.fault(leaf, key, authority.Certificate)).toBeUndefined();
});

test('a root that is given becomes the next; given again it goes on, and the old one ends what was begun', async () => {
  const wanted = { SigningCACert: given.certificate, SigningCAKey: given.key };
  const rotating = await change(wanted);
  expect(rotating?.Rotation?.Certificate).toBe(given.certificate);
  expect((await change(wanted, rotating))?.Rotation).toEqual(rotating?.Rotation);
  const other = await change({ ForceRotate: 7 }, rotating);
  expect(other?.Rotation?.Certificate).not.toBe(given.certificate);
  const { leaf, key } = await leafOf(other as Authority);
  expect(certificates.fault(leaf, key, authority.Certificate)).toBeUndefined();
  const back = await change({ SigningCACert: authority.Certificate, SigningCAKey: authority.Key }, rotating);
  expect(back?.Rotation).toBeUndefined();
  expect(back?.Certificate).toBe(authority.Certificate);
});

test('four exchanges in a row: who trusts the first root alone still trusts what the last one signs, by what goes along', async () => {
  let after = authority;
  let leaf = { leaf: '', key: '' };
  for (const ForceRotate of [1, 2, 3, 4]) {
    const rotating = (await change({ ForceRotate }, after)) as Authority;
    const { Certificate = '', Key = '', CrossSigned = '' } = rotating.Rotation ?? {};
    leaf = await leafOf({ ...rotating, Rotation: { Certificate, Key, CrossSigned: CrossSigned + (after.Vouchers ?? ''), TLSInfo: authority.TLSInfo } });
    after = finishRotation(rotating, (count) => new Uint8Array(count).fill(ForceRotate));
  }
  expect(certificates.fault(leaf.leaf, leaf.key, authority.Certificate)).toBeUndefined();
  expect(certificates.fault(leaf.leaf, leaf.key, given.certificate)).toBe('the certificate is of another authority');
});

test.each<[string, () => Partial<ClusterSpec['CAConfig']>, number?]>([
  ['if a signing CA key is provided, the signing CA cert must also be provided', () => ({ SigningCAKey: given.key })],
  ['there must be at least one valid, reachable external CA corresponding to the desired CA certificate', () => ({ SigningCACert: given.certificate })],
  ['certificate key mismatch', () => ({ SigningCACert: given.certificate, SigningCAKey: authority.Key })],
  ['cannot contain multiple certificates', () => ({ SigningCACert: given.certificate + authority.Certificate, SigningCAKey: given.key })],
  ['CA certificate expires too soon', () => ({ SigningCACert: given.certificate, SigningCAKey: given.key }), now + 19.5 * 365 * 24 * 3_600_000],
  ['this is no certificate', () => ({ SigningCACert: 'x', SigningCAKey: given.key })],
])('%s', async (text, wanted, at) => {
  await expect(change(wanted(), authority, at)).rejects.toThrow(text);
});

test('the key of a request and of the certificate that it got have one digest', async () => {
  const key = certificates.newKey();
  const request = await certificates.request(key);
  const template = { subject: { commonName: 'n' }, names: ['n'], validity: { notBefore: now, notAfter: now + 1000 } };
  const certificate = await certificates.issue(request, template, { certificate: given.certificate, key: given.key });
  expect(certificates.keyDigest(request)).toBe(certificates.keyDigest(certificate));
  expect(certificates.keyDigest(request)).toMatch(/^[\w+/]{43}=$/);
  expect(certificates.keyDigest('x')).toBeUndefined();
});

test('a root whose key nobody has here is taken where an external CA signs with it, and cannot be exchanged until its key is given', async () => {
  elsewhere.push(given.certificate);
  const taken = (await change({ SigningCACert: given.certificate })) as Authority;
  expect(taken.Rotation).toMatchObject({ Certificate: given.certificate, Key: '' });
  const after = finishRotation(taken, (count) => new Uint8Array(count));
  await expect(change({ ForceRotate: 9 }, after)).rejects.toThrow(/^the root of the cluster cannot be exchanged: an external CA has its key/);
  elsewhere.length = 0;
  await expect(change({}, after)).rejects.toThrow('there must be at least one valid, reachable external CA corresponding to the current CA certificate');
  const back = await change({ SigningCACert: given.certificate, SigningCAKey: given.key }, after);
  expect([back?.Certificate, back?.Key]).toEqual([given.certificate, given.key]);
});

/** Roots of other makers, as operators have them: what would cut the nodes off is refused, and what stands is kept to the end. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509';
import { expect, test } from 'vitest';
import { finishRotation, issuerOf, newRoot } from '#ca/authority';
import { nodeTemplate } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import { changedAuthority } from '#manager/authority/root-change';
import type { Authority } from '#model/object/authority';
import { TestAuthority } from '#test/support/cluster-certificates';

const now = Date.now();
const year = 365 * 24 * 3_600_000;
const { authority } = await TestAuthority.begin();
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function rootOf(
  more: readonly Extension[],
  { notBefore = now - 1000, usage = KeyUsageFlags.keyCertSign } = {},
): Promise<{ certificate: string; key: string }> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const extensions = [new BasicConstraintsExtension(true, undefined, true), new KeyUsagesExtension(usage, true), ...more];
  const dates = { notBefore: new Date(notBefore), notAfter: new Date(now + 20 * year) };
  const made = await X509CertificateGenerator.createSelfSigned({ name: 'CN=ours', ...dates, keys, signingAlgorithm: algorithm, extensions }, webcrypto);
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { certificate: made.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}

const change = ({ certificate, key }: { certificate: string; key: string }): Promise<Authority | undefined> =>
  changedAuthority(authority, { NodeCertExpiry: 0, SigningCACert: certificate, SigningCAKey: key }, { certificates, now, signs: async () => false });

async function issuedBy(from: Authority): Promise<{ key: string; leaf: string }> {
  const key = certificates.newKey();
  return {
    key,
    leaf: await certificates.issue(await certificates.request(key), nodeTemplate({ nodeId: 'n', role: 'worker', clusterId: 'c' }, now, 1e15), issuerOf(from)),
  };
}

test('a root is refused that another signed, that is for other uses, that may not sign, and that is not valid yet', async () => {
  const given = await newRoot(certificates, now);
  const below = await certificates.crossSign(given.certificate, { certificate: authority.Certificate, key: authority.Key });
  await expect(change({ certificate: below, key: given.key })).rejects.toThrow('error while validating Root CA Certificate: it is not signed by itself');
  const forCode = await rootOf([new ExtendedKeyUsageExtension([ExtendedKeyUsage.codeSigning])]);
  await expect(change(forCode)).rejects.toThrow(/no connection stands on what it signs: \w+/);
  await expect(change(await rootOf([], { usage: KeyUsageFlags.digitalSignature }))).rejects.toThrow('is no certificate of an authority');
  await expect(change(await rootOf([], { notBefore: now + 3_600_000 }))).rejects.toThrow('error while validating Root CA Certificate: it is not valid before');
});

test.each([
  ['a name of its own', [new SubjectKeyIdentifierExtension('0102030405060708')]],
  ['no name', []],
])('a root that has %s for its key is kept: connections stand during the exchange and after it', async (_what, extensions) => {
  const rotating = (await change(await rootOf(extensions))) as Authority;
  const during = await issuedBy(rotating);
  for (const roots of [authority.Certificate, rotating.Rotation?.Certificate ?? '']) {
    expect(await certificates.connectingFault(during.leaf, during.key, roots)).toBeUndefined();
  }
  const after = finishRotation(rotating, (count) => new Uint8Array(count));
  const renewed = await issuedBy(after);
  expect(await certificates.connectingFault(renewed.leaf, renewed.key, after.Certificate)).toBeUndefined();
  expect(await certificates.connectingFault(renewed.leaf, renewed.key, (await newRoot(certificates, now)).certificate)).toMatch(/^[A-Z_]+$/);
});

/** What an authority elsewhere answers is looked at before anybody goes by it. */
import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { expect, test } from 'vitest';
import { newRoot } from '#ca/authority';
import { nodeTemplate } from '#ca/certificate';
import { certificateIn } from '#ca/external';
import { certificates } from '#identity/certificates';

const now = Date.UTC(2026, 0, 1);
const dayNs = 24 * 3600 * 1e9;

async function signed() {
  const root = await newRoot(certificates, now);
  const key = certificates.newKey();
  const request = await certificates.request(key);
  const template = nodeTemplate({ nodeId: 'n', role: 'worker', clusterId: 'c' }, now, dayNs);
  const asked = { request, template, issuer: root.certificate };
  const answer = (certificate: string) => () => certificateIn(JSON.stringify({ success: true, result: { certificate } }), asked, now, certificates);
  return { root, key, request, template, answer };
}

test('what was asked for is taken', async () => {
  const { root, request, template, answer } = await signed();
  const certificate = await certificates.issue(request, template, root);
  expect(answer(certificate)()).toBe(`${certificate.trim()}\n`);
  expect(certificates.read(certificate)).toMatchObject({ authority: false, bothEnds: true });
});

test('one that may sign others is not taken, though it is for the key and the root vouches for it', async () => {
  const { root, key, template, answer } = await signed();
  const authority = await certificates.crossSign(await certificates.selfSigned(key, template), root);
  expect(certificates.isVouchedFor(authority, root.certificate)).toBe(true);
  expect(certificates.read(authority).authority).toBe(true);
  expect(answer(authority)).toThrow('the external CA sent no good certificate: it may sign others');
});

test.each([
  [-2, -1, /good until 2025-12-31T00:00:00.000Z only$/],
  [-1, 0.001, /good until 2026-01-01T00:01:26.000Z only$/],
  [1, 2, /good from 2026-01-02T00:00:00.000Z on only$/],
])('one that is good from day %d to day %d is not taken', async (from, to, reason) => {
  const { root, request, template, answer } = await signed();
  const at = (days: number): number => now + days * 24 * 3_600_000;
  expect(answer(await certificates.issue(request, { ...template, validity: { notBefore: at(from), notAfter: at(to) } }, root))).toThrow(reason);
});

test('a clock that is a little ahead is no fault', async () => {
  const { root, request, template, answer } = await signed();
  const validity = { notBefore: now + 30_000, notAfter: now + 3_600_000 };
  expect(answer(await certificates.issue(request, { ...template, validity }, root))).not.toThrow();
});

test.each([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.codeSigning])('one that is for %s alone is not taken', async (use) => {
  const { root, request, template, answer } = await signed();
  const by = createPrivateKey(root.key).export({ type: 'pkcs8', format: 'der' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const { commonName, organizationalUnit, organization } = template.subject;
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${commonName}, OU=${organizationalUnit}, O=${organization}`,
    issuer: new X509Certificate(root.certificate).subjectName,
    notBefore: new Date(template.validity.notBefore),
    notAfter: new Date(template.validity.notAfter),
    publicKey: new Pkcs10CertificateRequest(request).publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', by, algorithm, false, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [new ExtendedKeyUsageExtension([use]), new SubjectAlternativeNameExtension(template.names.map((value) => ({ type: 'dns', value })))],
  });
  expect(certificates.read(certificate.toString('pem')).bothEnds).toBe(false);
  expect(answer(certificate.toString('pem'))).toThrow('it is not for both ends of a connection');
});

test.each(['swarm-manager', 'swarm-ca'])('the name %s is for managers alone', async (name) => {
  const { root, request, template, answer } = await signed();
  expect(answer(await certificates.issue(request, { ...template, names: [...template.names, name] }, root))).toThrow(`it adds the name ${name}`);
});

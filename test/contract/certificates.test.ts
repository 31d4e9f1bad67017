/** What the authority may count on of keys and signatures; `openssl` is the judge where it is there. */
import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginRotation, issuerOf, newAuthority, newRoot } from '#ca/authority';
import { trustedRoots } from '#model/trust/trust';
import { identityOf, nodeTemplate } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import type { Authority } from '#model/object/authority';

const day = 24 * 3_600_000;
// Whole seconds: certificates know no others.
const now = Math.floor(Date.now() / 1000) * 1000;
const worker = { nodeId: 'w1', role: 'worker', clusterId: 'c1' } as const;
const template = nodeTemplate(worker, now, 90 * day * 1e6);
const folder = mkdtempSync(join(tmpdir(), 'shoal-certificates-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function begin(): Promise<Authority> {
  return newAuthority(await newRoot(certificates, now), (count) => new Uint8Array(count));
}

let authority: Authority;
let key: string;
let certificate: string;
beforeAll(async () => {
  authority = await begin();
  key = certificates.newKey();
  certificate = await certificates.issue(await certificates.request(key), template, issuerOf(authority));
});

/** undefined: openssl agrees. */
function opensslFault(leaf: string, roots: string): string | undefined {
  writeFileSync(join(folder, 'leaf'), leaf);
  writeFileSync(join(folder, 'roots'), roots);
  const { status, stderr, error } = spawnSync('openssl', ['verify', '-CAfile', 'roots', '-untrusted', 'leaf', 'leaf'], { cwd: folder, encoding: 'utf8' });
  return error || status === 0 ? undefined : stderr;
}

test('a certificate says what was asked of the authority', () => {
  const { subject, validity } = certificates.read(certificate);
  expect(identityOf(subject)).toEqual(worker);
  expect(validity).toEqual(template.validity);
  const info = certificates.tlsInfo(certificate, authority.Certificate);
  expect(info).toEqual(authority.TLSInfo);
  expect(info.TrustRoot).toBe(authority.Certificate);
  expect(Buffer.from(info.CertIssuerSubject, 'base64').toString('latin1')).toContain('swarm-ca');
  const spki = createPublicKey(authority.Key).export({ type: 'spki', format: 'der' });
  expect(info.CertIssuerPublicKey).toBe(spki.toString('base64'));
});

test.skipIf(spawnSync('openssl', ['version']).error !== undefined)('a root of another maker is named as it names itself, byte for byte', async () => {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  spawnSync('openssl', ['req', '-x509', ...curve, '-days', '7300', '-subj', '/CN=another root', '-keyout', 'other.key', '-out', 'other.crt'], { cwd: folder });
  const [root, rootKey] = ['other.crt', 'other.key'].map((name) => readFileSync(join(folder, name), 'utf8')) as [string, string];
  const issuer = { certificate: root, key: rootKey };
  const leaf = await certificates.issue(await certificates.request(key), template, issuer);
  expect(certificates.tlsInfo(leaf, root)).toEqual(certificates.tlsInfo(root, root));
  const crossed = await certificates.crossSign(root, issuerOf(authority));
  expect(new X509Certificate(crossed).subject).toBe(new X509Certificate(root).subject);
  expect(opensslFault(`${leaf}${crossed}`, authority.Certificate)).toBeUndefined();
});

test('its root vouches for it, and no other does', async () => {
  const other = await begin();
  expect(certificates.fault(certificate, key, authority.Certificate)).toBeUndefined();
  expect(opensslFault(certificate, authority.Certificate)).toBeUndefined();
  expect(certificates.fault(certificate, key, other.Certificate)).toContain('another authority');
  expect(certificates.fault(certificate, certificates.newKey(), authority.Certificate)).toContain('another key');
  expect(certificates.belongs(certificate, key)).toBe(true);
  expect([certificates.belongs('x', key), certificates.belongs(certificate, 'x')]).toEqual([false, false]);
});

test('a node certificate vouches for nobody', async () => {
  const below = certificates.newKey();
  const forged = await certificates.issue(await certificates.request(below), nodeTemplate({ ...worker, role: 'manager' }, now, day * 1e6), {
    certificate,
    key,
  });
  expect(certificates.fault(forged + certificate, below, authority.Certificate)).toContain('another authority');
});

test('what is no request of a P-256 key, signed by it, is refused', async () => {
  const request = await certificates.request(key);
  const body = Buffer.from(request.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  // Within the signature, which ends the request.
  body[body.length - 3] = (body[body.length - 3] ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${body.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  for (const bad of ['', 'x', certificate, forged, `${request}${'x'.repeat(20_000)}`]) {
    await expect(certificates.issue(bad, template, issuerOf(authority)), bad.slice(0, 60)).rejects.toMatchObject({ code: 'invalidArgument' });
  }
  await expect(certificates.request(pair.privateKey)).rejects.toThrow();
  expect(() => certificates.read('x')).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
});

test('while a root is exchanged old and new certificates pass with everybody, and afterwards only the new ones', async () => {
  const next = await begin();
  const CrossSigned = await certificates.crossSign(next.Certificate, issuerOf(authority));
  const rotating = beginRotation(authority, { Certificate: next.Certificate, Key: next.Key, TLSInfo: next.TLSInfo, CrossSigned });
  const renewed = await certificates.issue(await certificates.request(key), template, issuerOf(rotating));
  for (const [leaf, roots] of [
    [renewed, authority.Certificate],
    [renewed, trustedRoots(rotating)],
    [renewed, next.Certificate],
    [certificate, trustedRoots(rotating)],
  ] as const) {
    expect(certificates.fault(leaf, key, roots)).toBeUndefined();
    expect(opensslFault(leaf, roots)).toBeUndefined();
  }
  expect(certificates.fault(certificate, key, next.Certificate)).toContain('another authority');
});

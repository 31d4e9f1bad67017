import 'reflect-metadata';
import { createPrivateKey, createPublicKey, ECDH, sign, X509Certificate as Native } from 'node:crypto';
import { X509Certificate } from '@peculiar/x509';
import { expect, test } from 'vitest';
import { certificates } from '#identity/certificates';
import { bits, element, elementsIn, objectName, tags, time } from '#identity/der';
import { identifierOf, issueLeaf, readRequest, subjectIn } from '#identity/leaf';

const key = certificates.newKey();
const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
const subject = { organization: 'c1', organizationalUnit: 'swarm-worker', commonName: 'Nörd' };
const validity = { notBefore: Date.UTC(2026, 0, 1, 2, 3, 4), notAfter: Date.UTC(2061, 1, 3) };

const bodyOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
const requestOf = (body: Uint8Array): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(body).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;

test('a certificate is what a reader of another maker makes of it', async () => {
  const root = await certificates.selfSigned(key, { subject: { commonName: 'a root' }, names: [], validity });
  const name = subjectIn(new Native(root).raw);
  const leaf = await issueLeaf(
    spki,
    { subject, names: ['swarm-worker', 'n1'], validity },
    { name: name ?? spki, key: createPrivateKey(key), identifier: identifierOf(spki) },
  );
  const read = new X509Certificate(leaf);
  expect([read.subject, read.issuer]).toEqual(['O=c1, OU=swarm-worker, CN=Nörd', 'CN=a root']);
  expect([read.notBefore.getTime(), read.notAfter.getTime()]).toEqual([validity.notBefore, validity.notAfter]);
  expect(read.extensions.map(({ type, critical }) => [type, critical])).toEqual([
    ['2.5.29.15', true],
    ['2.5.29.37', false],
    ['2.5.29.19', true],
    ['2.5.29.17', false],
    ['2.5.29.14', false],
    ['2.5.29.35', false],
  ]);
  const native = new Native(leaf);
  expect([native.ca, native.subjectAltName, native.verify(createPublicKey(key))]).toEqual([false, 'DNS:swarm-worker, DNS:n1', true]);
  expect(native.checkIssued(new Native(root))).toBe(true);
  expect(/^[4-7]/.test(native.serialNumber) && native.serialNumber.length).toBe(32);
});

test('a request is read to its last byte, and holds for the key that signed it alone', async () => {
  const request = await certificates.request(key);
  expect([readRequest(request)?.spki.equals(spki), readRequest(request)?.holds()]).toEqual([true, true]);
  const body = bodyOf(request);
  const [said, algorithm, signature] = (elementsIn(elementsIn(body)?.[0]?.content ?? body) ?? []).map(({ whole }) => whole) as [Buffer, Buffer, Buffer];
  const cut = body.subarray(0, -1);
  for (const bad of ['', request.replaceAll('REQUEST', 'X'), `x${request}`, requestOf(cut), requestOf(Buffer.concat([body, body])), requestOf(spki)])
    expect(readRequest(bad), bad).toBeUndefined();
  expect(readRequest(requestOf(element(tags.sequence, said, algorithm, signature, signature)))).toBeUndefined();
  const other = createPublicKey(certificates.newKey()).export({ type: 'spki', format: 'der' });
  const swapped = Buffer.from(body.toString('latin1').replace(spki.toString('latin1'), other.toString('latin1')), 'latin1');
  expect(readRequest(requestOf(swapped))?.holds()).toBe(false);
  // The same key, written in another way, and a place that is not on the curve.
  const compressed = ECDH.convertKey(spki.subarray(-65), 'prime256v1', undefined, undefined, 'compressed') as Buffer;
  const beside = Buffer.from(spki).fill(1, spki.length - 1);
  for (const bad of [Buffer.concat([spki.subarray(0, -65), compressed]), spki.subarray(0, -1), Buffer.concat([spki, Buffer.of(0)]), beside]) {
    const parts = elementsIn(elementsIn(said)?.[0]?.content ?? said) ?? [];
    const written = element(tags.sequence, ...parts.map(({ whole }) => (whole.equals(spki) ? bad : whole)));
    const signed = element(tags.sequence, written, algorithm, bits(sign('sha256', written, createPrivateKey(key))));
    expect(readRequest(requestOf(signed))?.holds() ?? false).toBe(false);
  }
  // Another algorithm than the one that it is signed by.
  const sha1 = element(tags.sequence, objectName('1.2.840.10045.4.1'));
  expect(readRequest(requestOf(element(tags.sequence, said, sha1, signature)))?.holds()).toBe(false);
});

test('elements have one length each, written in one way', () => {
  const long = element(tags.octets, Buffer.alloc(300));
  expect(long.subarray(0, 4)).toEqual(Buffer.of(4, 0x82, 1, 44));
  expect(elementsIn(Buffer.concat([long, bits(Buffer.of(7))]))?.map(({ tag, content }) => [tag, content.length])).toEqual([
    [4, 300],
    [3, 2],
  ]);
  const bad = [
    [4],
    [4, 1],
    [4, 0x80, 0, 0],
    [4, 0x81, 1, 7],
    [4, 0x82, 0, 200, ...Buffer.alloc(200)],
    [4, 0x84, 0, 0, 0, 1, 7],
    [4, 0x83, 0xff, 0xff, 0xff, 7],
  ];
  for (const bytes of bad) expect(elementsIn(Buffer.from(bytes)), String(bytes.slice(0, 5))).toBeUndefined();
  expect(objectName('1.2.840.10045.4.3.2')).toEqual(Buffer.from('06082a8648ce3d040302', 'hex'));
  expect([time(Date.UTC(2049, 11, 31)), time(Date.UTC(2050, 0, 1))].map((each) => each.subarray(2).toString())).toEqual(['491231000000Z', '20500101000000Z']);
});

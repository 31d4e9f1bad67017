/** What is read of certificates by the platform is what the library reads. */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator, X509Certificate, X509CertificateGenerator, type JsonName } from '@peculiar/x509';
import { beforeAll, expect, test } from 'vitest';
import { certificates } from '#identity/certificates';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
let keys: webcrypto.CryptoKeyPair;
beforeAll(async () => void (keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])));

async function certificateOf(subject: JsonName, issuer: JsonName): Promise<string> {
  const dates = { notBefore: new Date('2026-01-01'), notAfter: new Date('2036-01-01') };
  const signing = { signingKey: keys.privateKey, publicKey: keys.publicKey, signingAlgorithm: algorithm };
  return (await X509CertificateGenerator.create({ subject, issuer, ...dates, ...signing }, webcrypto)).toString('pem');
}

const names = [
  { O: ['c1'], OU: ['manager'], CN: ['n1'] },
  { CN: ['alone'] },
  { O: ['cl,us="ter'], OU: ['a\nCN=b', 'second'], CN: ['CN=x, OU=manager+O=y'] },
  { O: ['größer — 集群'], OU: [' worker '], CN: ['é'] },
  { O: ['o'.repeat(60)], OU: Array.from({ length: 5 }, (_, at) => `${'u'.repeat(60)}${at}`), CN: ['n'] },
].map((name) => Object.entries(name).map(([key, values]) => ({ [key]: values })));

test.each(names.map((name) => [JSON.stringify(name), name] as const))('%s', async (_text, name) => {
  const pem = await certificateOf(name, [...name, { L: ['l'.repeat(120)] }]);
  const [commonName] = new X509Certificate(pem).subjectName.getField('CN');
  const [organizationalUnit] = new X509Certificate(pem).subjectName.getField('OU');
  const [organization] = new X509Certificate(pem).subjectName.getField('O');
  expect(certificates.read(pem).subject).toEqual({ commonName, ...(organizationalUnit && { organizationalUnit }), ...(organization && { organization }) });
  const issuer = Buffer.from(new X509Certificate(pem).issuerName.toArrayBuffer()).toString('base64');
  expect(certificates.tlsInfo(pem, pem).CertIssuerSubject).toBe(issuer);
});

test('one that has two common names is nobody’s', async () => {
  const pem = await certificateOf([{ CN: ['a'] }, { CN: ['b'] }], [{ CN: ['root'] }]);
  expect(() => certificates.read(pem)).toThrow('the certificate has two common names');
});

test('a request is the one that the library makes, but for its signature, which holds', async () => {
  const key = certificates.newKey();
  const der = { type: 'pkcs8', format: 'der' } as const;
  const privateKey = await webcrypto.subtle.importKey('pkcs8', createPrivateKey(key).export(der), algorithm, true, ['sign']);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const publicKey = await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
  const theirs = await Pkcs10CertificateRequestGenerator.create({ keys: { privateKey, publicKey }, signingAlgorithm: algorithm }, webcrypto);
  const request = new Pkcs10CertificateRequest(await certificates.request(key));
  const said = ({ rawData }: Pkcs10CertificateRequest): string =>
    Buffer.from(rawData)
      .subarray(3, 3 + 89)
      .toString('hex');
  expect([said(request), request.subject, request.attributes]).toEqual([said(theirs), theirs.subject, theirs.attributes]);
  expect([said(request).includes(spki.toString('hex').slice(0, 40)), await request.verify(webcrypto)]).toEqual([true, true]);
});

test('of the certificates that were asked for last each is read once, and of many the others are read again', async () => {
  const named = (name: string) => certificateOf([{ CN: [name] }], [{ CN: ['root'] }]);
  const pem = await named('own');
  const first = certificates.read(pem);
  const others = await Promise.all(Array.from({ length: 15 }, (_, at) => named(`other ${at}`)));
  for (const other of others) certificates.read(other);
  expect(certificates.read(pem)).toBe(first);
  for (const other of [...others, await named('one more')]) certificates.read(other);
  expect(certificates.read(pem)).not.toBe(first);
  expect(certificates.read(pem)).toEqual(first);
  for (let time = 0; time < 2; time++) expect(() => certificates.read('none')).toThrow('this is no certificate');
});

/** Keys and certificates by the operating system's chance and the platform's cryptography. */
import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  webcrypto,
  type X509Certificate as NativeCertificate,
  type KeyObject,
} from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509';
import { oncePer } from '#base/pace/once-per';
import { Refusal } from '#base/refusal';
import type { Subject, Template } from '#ca/certificate';
import type { CertificateFacts, Certificates, Issuer } from '#ca/contract';
import { connectingFault } from './connecting.ts';
import { GoodRequests } from './good-requests.ts';
import { native } from './native.ts';
import { identifierIn, identifierOf, isOurs, issueLeaf, issuerIn, readRequest, subjectIn, type LeafIssuer, writeRequest } from './leaf.ts';

type Key = webcrypto.CryptoKey;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const requests = new GoodRequests();

export const certificates: Certificates = {
  newKey() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  },

  async selfSigned(key, template) {
    const { privateKey, publicKey } = await pairOf(key);
    const name = nameOf(template.subject);
    const identifier = identifierOf(createPublicKey(key).export({ type: 'spki', format: 'der' }));
    return sign({ subject: name, issuer: name, template, publicKey, signingKey: privateKey, extensions: rootExtensions(identifier, identifier) });
  },

  async request(key) {
    const signer = signingKeyOf(key);
    if (!isOurs(signer)) throw new Refusal('invalidArgument', 'this key is not one of P-256: there are no certificates for others');
    return writeRequest(signer);
  },

  async issue(request, template, issuer) {
    const spki = requests.keyOf(request);
    const leaf = await issueLeaf(spki, template, signerOf(issuer));
    return issuer.crossSigned === undefined ? leaf : `${leaf}${issuer.crossSigned}`;
  },

  async checkRequest(request) {
    requests.keyOf(request);
  },

  async crossSign(certificate, issuer: Issuer) {
    const root = new X509Certificate(firstOf(certificate));
    const by = new X509Certificate(firstOf(issuer.certificate));
    const signer = await pairOf(issuer.key);
    const publicKey = await root.publicKey.export(algorithm, ['verify'], webcrypto);
    const validity = { notBefore: root.notBefore.getTime(), notAfter: root.notAfter.getTime() };
    return sign({
      subject: root.subjectName,
      issuer: by.subjectName,
      template: { validity },
      publicKey,
      signingKey: signer.privateKey,
      extensions: rootExtensions(identifierIn(derOf(certificate)), identifierIn(derOf(issuer.certificate))),
    });
  },

  read,

  tlsInfo(certificate, roots) {
    const leaf = native(firstOf(certificate));
    const signers = [...blocks(certificate).slice(1), ...blocks(roots)].map((each) => native(each));
    const signer = signers.find((each) => leaf.checkIssued(each) && leaf.verify(each.publicKey));
    return {
      TrustRoot: roots,
      CertIssuerSubject: issuerIn(leaf.raw)?.toString('base64') ?? '',
      CertIssuerPublicKey: signer?.publicKey.export({ type: 'spki', format: 'der' }).toString('base64') ?? '',
    };
  },

  root(certificate) {
    if (blocks(certificate).length > 1) throw new Refusal('invalidArgument', 'the desired CA certificate cannot contain multiple certificates');
    const root = native(firstOf(certificate));
    if (!root.ca) throw new Refusal('invalidArgument', 'the desired CA certificate is no certificate of an authority');
    if (!isOurs(root.publicKey)) {
      throw new Refusal('invalidArgument', 'the desired CA certificate is for another key than one of P-256: others are not supported');
    }
    // Whoever trusts one that another signed asks for that other one, too, before it takes a connection.
    if (!root.checkIssued(root) || !root.verify(root.publicKey)) {
      throw new Refusal(
        'invalidArgument',
        'error while validating Root CA Certificate: it is not signed by itself, so it is no root: give the root of its authority, and that key',
      );
    }
    return { notBefore: Date.parse(root.validFrom), notAfter: Date.parse(root.validTo) };
  },

  connectingFault,

  keyDigest(text) {
    try {
      const key = text.includes('CERTIFICATE REQUEST') ? readRequest(text)?.spki : spkiOf(firstOf(text));
      return key && createHash('sha256').update(key).digest('base64');
    } catch {
      return undefined;
    }
  },

  belongs,

  fault(certificate, key, roots) {
    if (!belongs(certificate, key)) return 'the certificate is for another key';
    return isVouchedFor(certificate, roots) ? undefined : 'the certificate is of another authority';
  },

  isVouchedFor,
};

function isVouchedFor(certificate: string, roots: string): boolean {
  const leaf = native(firstOf(certificate));
  const chain = [...blocks(certificate).slice(1), ...blocks(roots)].map(native);
  const anchors = new Set(blocks(roots).map((each) => native(each).fingerprint256));
  return vouchedFor(leaf, chain, anchors);
}

function belongs(certificate: string, key: string): boolean {
  try {
    return native(firstOf(certificate)).checkPrivateKey(privateKeyOf(key));
  } catch {
    return false;
  }
}

function spkiOf(certificate: string): Buffer {
  return native(certificate).publicKey.export({ type: 'spki', format: 'der' });
}

function vouchedFor(leaf: NativeCertificate, chain: readonly NativeCertificate[], anchors: ReadonlySet<string>, depth = 0): boolean {
  if (depth > chain.length) return false;
  return chain.some(
    (issuer) =>
      issuer.ca &&
      leaf.checkIssued(issuer) &&
      leaf.verify(issuer.publicKey) &&
      (anchors.has(issuer.fingerprint256) || vouchedFor(issuer, chain, anchors, depth + 1)),
  );
}

const bothEnds: readonly string[] = [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];

/** By the platform alone: each connection and each word of the managers is a reason to look. */
const factsOf = oncePer((facts: NativeCertificate): CertificateFacts => {
  // Node gives the extended ones here, and undefined where there are none.
  const uses = facts.keyUsage as readonly string[] | undefined;
  return {
    subject: subjectOf(facts.toLegacyObject().subject),
    names: (facts.subjectAltName ?? '').split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : [])),
    validity: { notBefore: Date.parse(facts.validFrom), notAfter: Date.parse(facts.validTo) },
    authority: facts.ca,
    // Without a list it is for everything.
    bothEnds: bothEnds.every((use) => uses?.includes(use) !== false),
  };
});

function read(certificate: string): CertificateFacts {
  return factsOf(native(firstOf(certificate)));
}

/** Names that stand in other certificates are taken as they are there, byte for byte: by that a chain is found. */
interface Signing {
  subject: string | Name;
  issuer: string | Name;
  template: Pick<Template, 'validity'>;
  publicKey: Key;
  signingKey: Key;
  extensions: Extension[];
}

async function sign({ subject, issuer, template: { validity }, publicKey, signingKey, extensions }: Signing): Promise<string> {
  const dates = { notBefore: new Date(validity.notBefore), notAfter: new Date(validity.notAfter) };
  const made = await X509CertificateGenerator.create({ subject, issuer, ...dates, publicKey, signingKey, signingAlgorithm: algorithm, extensions }, webcrypto);
  return `${made.toString('pem')}\n`;
}

/** By the identifiers a chain is found where two roots have the same name: each is what its owner's certificate says. */
function rootExtensions(own: Buffer | undefined, signer: Buffer | undefined): Extension[] {
  return [
    new BasicConstraintsExtension(true, 1, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ...(own ? [new SubjectKeyIdentifierExtension(own.toString('hex'))] : []),
    ...(signer ? [new AuthorityKeyIdentifierExtension(signer.toString('hex'))] : []),
  ];
}

function nameOf({ organization, organizationalUnit, commonName }: Subject): string {
  const parts = [
    ...(organization === undefined ? [] : [{ O: [organization] }]),
    ...(organizationalUnit === undefined ? [] : [{ OU: [organizationalUnit] }]),
    { CN: [commonName] },
  ];
  return new Name(parts).toString();
}

/** A field that is there several times is a list. */
function subjectOf(name: Readonly<Partial<Record<'CN' | 'OU' | 'O', string | readonly string[]>>>): Subject {
  const field = (key: keyof typeof name): readonly string[] => [name[key] ?? []].flat();
  const [commonName = '', ...more] = field('CN');
  const [organizationalUnit] = field('OU');
  const [organization] = field('O');
  // Two names in one certificate would let its reader choose.
  if (more.length > 0) throw new Refusal('invalidArgument', 'the certificate has two common names');
  return { commonName, ...(organizationalUnit !== undefined && { organizationalUnit }), ...(organization !== undefined && { organization }) };
}

interface Pair {
  privateKey: Key;
  publicKey: Key;
}

/** Who signs again and again keeps the issuer, and it is read once; what was read goes with it. */
const signerOf = oncePer((issuer: Issuer): LeafIssuer => {
  const key = signingKeyOf(issuer.key);
  const certificate = derOf(issuer.certificate);
  const name = subjectIn(certificate);
  if (!name) throw new Refusal('invalidArgument', 'this is no certificate of an authority');
  return { name, key, identifier: identifierIn(certificate) };
});

function signingKeyOf(pem: string): KeyObject {
  if (pem === '') throw new Refusal('unavailable', 'the key of the root is with an external CA: nothing can be signed here without it');
  return privateKeyOf(pem);
}

async function pairOf(pem: string): Promise<Pair> {
  const key = signingKeyOf(pem);
  const own = key.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', own, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
}

function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Refusal('invalidArgument', `this is no private key: ${(error as Error).message}`);
  }
}

/** Of a chain, its first. */
function derOf(pem: string): Buffer {
  return native(firstOf(pem)).raw;
}

function blocks(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
}

function firstOf(pem: string): string {
  const [first] = blocks(pem);
  if (first === undefined) throw new Refusal('invalidArgument', 'this is no certificate');
  return first;
}

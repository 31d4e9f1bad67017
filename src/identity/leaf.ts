/** What a cluster of many nodes makes by the thousand: a request for a certificate is read, and a certificate written, by themselves and not by way of objects for all that there is in such. */
import { createHash, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Subject, Template } from '#ca/certificate';
import { bits, contextTag, element, elementsIn, objectName, tags, time, type Element } from './der.ts';

/** What a request says of its key, and whether the key has signed it. */
export interface Requested {
  /** The key's own certificate part (SubjectPublicKeyInfo). */
  spki: Buffer;
  /** Whether that is a key of P-256, and the request is signed by it. */
  holds: () => boolean;
}

/** Who signs certificates, read once for many. */
export interface LeafIssuer {
  /** As it stands in the issuer's certificate, byte for byte: by that a chain is found. */
  name: Uint8Array;
  key: KeyObject;
  /** Of the key, as the issuer's certificate has it; undefined where it has none. */
  identifier: Uint8Array | undefined;
}

const requestText = /^\s*-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/;
/** ECDSA with SHA-256, which has no parameters. */
const signedBy = element(tags.sequence, objectName('1.2.840.10045.4.3.2'));

/** A request for a certificate of `key`, PEM: who asks is known by the key alone. */
export function writeRequest(key: KeyObject): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const said = element(tags.sequence, element(tags.integer, Buffer.of(0)), element(tags.sequence), spki, element(contextTag(0, true)));
  return pemOf('CERTIFICATE REQUEST', element(tags.sequence, said, signedBy, bits(sign('sha256', said, key))));
}

function pemOf(what: string, whole: Buffer): string {
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${what}-----\n${lines.join('\n')}\n-----END ${what}-----\n`;
}

/** Undefined where `request` (PEM) is none. */
export function readRequest(request: string): Requested | undefined {
  const [, body] = requestText.exec(request) ?? [];
  const [whole, ...more] = (body === undefined ? undefined : elementsIn(Buffer.from(body, 'base64'))) ?? [];
  if (whole?.tag !== tags.sequence || more.length > 0) return undefined;
  const [said, algorithm, signature, ...beyond] = elementsIn(whole.content) ?? [];
  if (said?.tag !== tags.sequence || !algorithm || signature?.tag !== tags.bits || signature.content[0] !== 0 || beyond.length > 0) return undefined;
  const [version, name, key] = elementsIn(said.content) ?? [];
  if (version?.tag !== tags.integer || name?.tag !== tags.sequence || key?.tag !== tags.sequence) return undefined;
  const spki = key.whole;
  return { spki, holds: () => algorithm.whole.equals(signedBy) && isSigned(spki, said.whole, signature.content.subarray(1)) };
}

/** Of P-256, as all keys of a cluster are. */
export function isOurs({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

/** Of P-256: a key's place on the curve, both numbers whole. */
const pointBytes = 65;
const whole = 4;
const curve = element(tags.sequence, objectName('1.2.840.10045.2.1'), objectName('1.2.840.10045.3.1.7'));

/** There is one way to write a key: by its digest its owner is known again. */
function isWritten(spki: Buffer): boolean {
  const point = spki.subarray(-pointBytes);
  return point[0] === whole && spki.equals(element(tags.sequence, curve, bits(point)));
}

function isSigned(spki: Buffer, said: Buffer, signature: Buffer): boolean {
  if (!isWritten(spki)) return false;
  try {
    // A place that is not on the curve is refused here.
    return verify('sha256', said, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}

const extension = (name: string, isCritical: boolean, content: Buffer): Buffer =>
  element(tags.sequence, objectName(name), ...(isCritical ? [element(tags.boolean, Buffer.of(0xff))] : []), element(tags.octets, content));

const ownIdentifier = '2.5.29.14';

/** Signs and enciphers keys; serves at both ends of a connection; vouches for nobody. */
const usual = [
  extension('2.5.29.15', true, element(tags.bits, Buffer.of(5, 0b1010_0000))),
  extension('2.5.29.37', false, element(tags.sequence, objectName('1.3.6.1.5.5.7.3.1'), objectName('1.3.6.1.5.5.7.3.2'))),
  extension('2.5.29.19', true, element(tags.sequence)),
];
const version3 = element(contextTag(0, true), element(tags.integer, Buffer.of(2)));

/** A certificate for the key `spki`, PEM. */
export async function issueLeaf(spki: Buffer, { subject, names, validity }: Template, { name, key, identifier }: LeafIssuer): Promise<string> {
  const others = names.map((each) => element(contextTag(2, false), Buffer.from(each, 'latin1')));
  const extensions = [
    ...usual,
    extension('2.5.29.17', false, element(tags.sequence, ...others)),
    extension(ownIdentifier, false, element(tags.octets, identifierOf(spki))),
    ...(identifier ? [extension('2.5.29.35', false, element(tags.sequence, element(contextTag(0, false), identifier)))] : []),
  ];
  const said = element(
    tags.sequence,
    version3,
    element(tags.integer, newNumber()),
    signedBy,
    name,
    element(tags.sequence, time(validity.notBefore), time(validity.notAfter)),
    nameOf(subject),
    spki,
    element(contextTag(3, true), element(tags.sequence, ...extensions)),
  );
  const signature = await promisify(sign)('sha256', said, key);
  return pemOf('CERTIFICATE', element(tags.sequence, said, signedBy, bits(signature)));
}

/** Of 16 bytes; positive, and written as short as it can be. */
function newNumber(): Buffer {
  const number = randomBytes(16);
  number[0] = ((number[0] ?? 0) & 0x3f) | 0x40;
  return number;
}

/** The name that the owner of a certificate (DER) has in it, byte for byte; undefined of what is none. */
export function subjectIn(certificate: Buffer): Buffer | undefined {
  // Issuer and times come before it.
  return fieldIn(certificate, 4);
}

/** The name of who issued a certificate (DER), as `subjectIn`. */
export function issuerIn(certificate: Buffer): Buffer | undefined {
  // Number and algorithm come before it.
  return fieldIn(certificate, 2);
}

/** What a certificate (DER) calls its key, whatever way its maker found that; undefined where it says nothing of it. */
export function identifierIn(certificate: Buffer): Buffer | undefined {
  const list = fieldsIn(certificate).find(({ tag }) => tag === contextTag(3, true));
  const name = objectName(ownIdentifier);
  for (const { content } of within(within(list?.content)[0]?.content)) {
    const [kind, ...rest] = within(content);
    if (kind?.whole.equals(name)) return within(rest.at(-1)?.content)[0]?.content;
  }
  return undefined;
}

/** @param place without the version, which is not always there */
function fieldIn(certificate: Buffer, place: number): Buffer | undefined {
  const fields = fieldsIn(certificate);
  return fields[fields[0]?.tag === contextTag(0, true) ? place + 1 : place]?.whole;
}

function fieldsIn(certificate: Buffer): readonly Element[] {
  return within(within(within(certificate)[0]?.content)[0]?.content);
}

function within(content: Buffer | undefined): readonly Element[] {
  return (content && elementsIn(content)) ?? [];
}

/** As RFC 5280 makes it of a key (4.2.1.2, the first method). */
export function identifierOf(spki: Buffer): Buffer {
  const [, key] = within(within(spki)[0]?.content);
  return createHash('sha1')
    .update(key?.content.subarray(1) ?? Buffer.alloc(0))
    .digest();
}

function nameOf({ organization, organizationalUnit, commonName }: Subject): Buffer {
  const parts = [
    ['2.5.4.10', organization],
    ['2.5.4.11', organizationalUnit],
    ['2.5.4.3', commonName],
  ] as const;
  const named = parts.flatMap(([name, text]) => (text === undefined ? [] : [element(tags.set, element(tags.sequence, objectName(name), textOf(text)))]));
  return element(tags.sequence, ...named);
}

function textOf(text: string): Buffer {
  return element(/^[A-Za-z0-9 '()+,./:=?-]*$/.test(text) ? tags.printable : tags.text, Buffer.from(text));
}

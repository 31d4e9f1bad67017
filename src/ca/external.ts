/** Authorities elsewhere, by CFSSL's protocol: which of them sign for a root, what they are asked, and whether what they answer will do. */
import { timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import type { Authority } from '#model/object/authority';
import type { ClusterSpec } from '#model/object/cluster';
import { managerNames, type Template } from './certificate.ts';
import type { Certificates } from './contract.ts';

/** Its clock may be ahead of ours by as much. */
const aheadMs = 60_000;
/** What ends sooner would be renewed without end. */
const shortestMs = 10 * 60_000;

/** What a certificate is asked for. */
export interface Asked {
  /** PEM. */
  request: string;
  template: Template;
  /** Who is to sign it, PEM. */
  issuer: string;
}

/** URLs of those that sign with the root `issuer`. One that names no root is for the cluster's of now. */
export function externalsFor(issuer: string, { Certificate }: Authority, { ExternalCAs = [] }: ClusterSpec['CAConfig']): string[] {
  return ExternalCAs.flatMap(({ URL, CACert = '' }) => (sameText(CACert.trim() === '' ? Certificate : CACert, issuer) ? [URL] : []));
}

export function sameText(a: string, b: string): boolean {
  return a.trim() === b.trim();
}

/** @param request PEM */
export function signingRequest(request: string, { subject, names }: Template): string {
  const { commonName: CN, organizationalUnit: OU, organization: O } = subject;
  return JSON.stringify({ hosts: names, certificate_request: request, subject: { CN, names: [{ OU, O }] }, profile: '' });
}

/** The certificate, PEM, for the key of the request and with what the template says of it, good at `now` (ms). Refuses `unavailable` any other answer. */
export function certificateIn(answer: string, asked: Asked, now: number, certificates: Certificates): string {
  const certificate = textIn(answer);
  const fault = faultOf(certificate, asked, now, certificates);
  if (fault !== undefined) throw new Refusal('unavailable', `the external CA sent no good certificate: ${fault}`);
  return `${certificate.trim()}\n`;
}

function textIn(answer: string): string {
  const parsed = parsedOf(answer);
  const result = parsed?.['result'] as { certificate?: unknown } | undefined;
  if (parsed?.['success'] === true && typeof result?.certificate === 'string') return result.certificate;
  const [first] = Array.isArray(parsed?.['errors']) ? (parsed['errors'] as { message?: unknown }[]) : [];
  const why = typeof first?.message === 'string' ? first.message.slice(0, 200) : 'it answered something else';
  throw new Refusal('unavailable', `the external CA did not sign: ${why}`);
}

function parsedOf(answer: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function faultOf(certificate: string, { request, template, issuer }: Asked, now: number, certificates: Certificates): string | undefined {
  const digest = certificates.keyDigest(certificate);
  if (digest === undefined || digest !== certificates.keyDigest(request)) return 'it is for another key';
  const { subject, names, validity, authority, bothEnds } = certificates.read(certificate);
  const { commonName, organizationalUnit, organization } = template.subject;
  if (subject.commonName !== commonName || subject.organizationalUnit !== organizationalUnit || subject.organization !== organization) {
    return 'it names somebody else';
  }
  if (authority) return 'it may sign others';
  const missing = template.names.filter((name) => !names.includes(name));
  if (missing.length > 0) return `it leaves out the name ${missing.join(', ')}`;
  // By these names managers are known: nobody has one that was not asked for.
  const extra = managerNames.filter((name) => names.includes(name) && !template.names.includes(name));
  if (extra.length > 0) return `it adds the name ${extra.join(', ')}`;
  if (validity.notBefore > now + aheadMs) return `it is good from ${timeText(validity.notBefore)} on only`;
  if (validity.notAfter < now + shortestMs) return `it is good until ${timeText(validity.notAfter)} only`;
  if (!bothEnds) return 'it is not for both ends of a connection';
  return certificates.isVouchedFor(certificate, issuer) ? undefined : 'it is not signed by the root that it is configured for';
}

/** What a change of the cluster's settings makes of its authority: another root on its way in, or the one of before again. */
import { Refusal } from '#base/refusal';
import { beginRotation, newRoot, type Root } from '#ca/authority';
import { nodeTemplate } from '#ca/certificate';
import type { Certificates } from '#ca/contract';
import { sameText } from '#ca/external';
import type { Authority } from '#model/object/authority';
import type { ClusterSpec } from '#model/object/cluster';

export interface RootChangeParts {
  certificates: Certificates;
  /** Milliseconds. */
  now: number;
  /** Whether an external CA of the new settings signs with this root. */
  signs: (issuer: string) => Promise<boolean>;
}

const yearMs = 365 * 24 * 3_600_000;
const probeNanoseconds = 3_600_000_000_000;

/** Undefined where the authority stays as it is. Refuses, in Docker's words, a root that cannot be the next. */
export async function changedAuthority(authority: Authority, wanted: ClusterSpec['CAConfig'], parts: RootChangeParts): Promise<Authority | undefined> {
  const { ForceRotate = 0, SigningCACert = '', SigningCAKey = '' } = wanted;
  if (SigningCAKey !== '' && SigningCACert === '') throw refused('if a signing CA key is provided, the signing CA cert must also be provided');
  // Whoever has no key of the root that counts needs somebody who has.
  const returned = SigningCAKey !== '' && sameText(SigningCACert, authority.Certificate);
  if (authority.Key === '' && !returned && !(await parts.signs(authority.Certificate))) throw refused(unsigned('current'));
  if (SigningCACert === '') {
    if (ForceRotate === (authority.ForceRotate ?? 0)) return undefined;
    return { ...(await turnedTo(authority, await newRoot(parts.certificates, parts.now), parts)), ForceRotate };
  }
  const root = await givenRoot(SigningCACert, SigningCAKey, parts);
  const changed = { ...authority, ForceRotate };
  if (sameText(root.certificate, authority.Certificate)) {
    const { Rotation: _over, ...rest } = changed;
    return { ...rest, Key: root.key };
  }
  const { Rotation } = authority;
  if (Rotation && sameText(root.certificate, Rotation.Certificate)) return { ...changed, Rotation: { ...Rotation, Key: root.key } };
  return { ...(await turnedTo(authority, root, parts)), ForceRotate };
}

/** The root of before vouches for the next, whatever other one was on its way in. */
async function turnedTo(authority: Authority, root: Root, parts: RootChangeParts): Promise<Authority> {
  const { certificates } = parts;
  if (authority.Key === '') {
    const why = 'an external CA has its key, and external CAs are not asked to vouch for another root';
    throw new Refusal('unimplemented', `the root of the cluster cannot be exchanged: ${why}; give its key with --ca-cert and --ca-key first`, { plain: true });
  }
  const CrossSigned = await certificates.crossSign(root.certificate, { certificate: authority.Certificate, key: authority.Key });
  if (root.key !== '') await proveConnecting(root, { certificate: authority.Certificate, CrossSigned }, parts);
  return beginRotation(authority, { Certificate: root.certificate, Key: root.key, TLSInfo: root.tlsInfo, CrossSigned });
}

async function givenRoot(text: string, key: string, { certificates, now, signs }: RootChangeParts): Promise<Root> {
  const certificate = `${text.trim()}\n`;
  const { notBefore, notAfter } = certificates.root(certificate);
  if (notBefore > now) throw refused(`error while validating Root CA Certificate: it is not valid before ${new Date(notBefore).toISOString()}`);
  if (notAfter < now + yearMs) throw refused('CA certificate expires too soon');
  if (key === '' && !(await signs(certificate))) throw refused(unsigned('desired'));
  if (key !== '' && !certificates.belongs(certificate, key)) throw refused('certificate key mismatch');
  return { certificate, key: key === '' ? '' : `${key.trim()}\n`, tlsInfo: certificates.tlsInfo(certificate, certificate) };
}

/** A root that no connection stands on would cut off each node that renews its certificate, and with them whoever could give the old root back: nodes that trust one of the two alone try it first. */
async function proveConnecting(root: Root, before: { certificate: string; CrossSigned: string }, { certificates, now }: RootChangeParts): Promise<void> {
  const key = certificates.newKey();
  const template = nodeTemplate({ nodeId: 'probe', role: 'manager', clusterId: 'probe' }, now, probeNanoseconds);
  const issuer = { certificate: root.certificate, key: root.key, crossSigned: before.CrossSigned };
  const leaf = await certificates.issue(await certificates.request(key), template, issuer);
  for (const trusted of [root.certificate, before.certificate]) {
    const fault = await certificates.connectingFault(leaf, key, trusted);
    if (fault !== undefined) throw refused(`error while validating Root CA Certificate: no connection stands on what it signs: ${fault}`);
  }
}

function unsigned(which: 'current' | 'desired'): string {
  return `there must be at least one valid, reachable external CA corresponding to the ${which} CA certificate`;
}

function refused(text: string): Refusal {
  return new Refusal('invalidArgument', text);
}

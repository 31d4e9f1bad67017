/** Whom the nodes of a cluster are to trust, and who is to have signed their certificates. */
import type { Trust } from '../object/assignment.ts';
import type { Authority } from '../object/authority.ts';

/** Roots that nodes are to trust: both while one is exchanged. */
export function trustedRoots({ Certificate, Rotation }: Authority): string {
  return Rotation ? joinPem(Certificate, Rotation.Certificate) : Certificate;
}

export function wantedTrust(authority: Authority): Trust {
  return { Roots: trustedRoots(authority), IssuerKey: (authority.Rotation ?? authority).TLSInfo.CertIssuerPublicKey };
}

export function joinPem(...certificates: readonly string[]): string {
  return certificates.map((each) => `${each.trimEnd()}\n`).join('');
}

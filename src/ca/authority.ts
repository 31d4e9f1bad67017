/** The cluster's authority as data: how it begins, whom it signs as, whom nodes trust, and how its root is exchanged. */
import type { Authority, RootRotation, TlsInfo } from '#model/object/authority';
import type { Node } from '#model/object/node';
import { joinPem } from '#model/trust/trust';
import { rootTemplate, type NodeRole } from './certificate.ts';
import type { Certificates, Issuer } from './contract.ts';
import { joinToken, secretBytes } from './join-token.ts';

/** Bytes of chance, as many as are asked for. */
type Chance = (count: number) => Uint8Array;

export interface Root {
  certificate: string;
  key: string;
  tlsInfo: TlsInfo;
}

export function newAuthority({ certificate, key, tlsInfo }: Root, chance: Chance): Authority {
  const [Worker, Manager] = [joinToken(certificate, chance(secretBytes)), joinToken(certificate, chance(secretBytes))];
  return { Certificate: certificate, Key: key, TLSInfo: tlsInfo, JoinTokens: { Worker, Manager } };
}

/** A new root with its key. @param now milliseconds */
export async function newRoot(certificates: Certificates, now: number): Promise<Root> {
  const key = certificates.newKey();
  const certificate = await certificates.selfSigned(key, rootTemplate(now));
  return { certificate, key, tlsInfo: certificates.tlsInfo(certificate, certificate) };
}

/** With new tokens for `roles`: those of before admit nobody any more. */
export function withNewTokens(authority: Authority, roles: readonly NodeRole[], chance: Chance): Authority {
  const { Certificate, JoinTokens } = authority;
  return {
    ...authority,
    JoinTokens: {
      Worker: roles.includes('worker') ? joinToken(Certificate, chance(secretBytes)) : JoinTokens.Worker,
      Manager: roles.includes('manager') ? joinToken(Certificate, chance(secretBytes)) : JoinTokens.Manager,
    },
  };
}

/** Who signs from now on: while a root is exchanged, the new one, with what makes the old one vouch for it. */
export function issuerOf({ Certificate, Key, Rotation, Vouchers }: Authority): Issuer {
  if (!Rotation) return { certificate: Certificate, key: Key, ...(Vouchers && { crossSigned: Vouchers }) };
  return { certificate: Rotation.Certificate, key: Rotation.Key, crossSigned: vouchersOf(Rotation, Vouchers) };
}

/** Nodes whose certificate is to be exchanged yet. One that is down is not waited for: it comes back by its key; nor is one that was let in and never came. */
export function nodesToRotate({ Rotation }: Authority, nodes: Iterable<Node>): Node[] {
  if (!Rotation) return [];
  const { CertIssuerPublicKey, CertIssuerSubject } = Rotation.TLSInfo;
  return [...nodes].filter(({ Status, Description }) => {
    const info = Description?.TLSInfo;
    return (
      Status.State !== 'down' &&
      Description !== undefined &&
      (info?.CertIssuerPublicKey !== CertIssuerPublicKey || info.CertIssuerSubject !== CertIssuerSubject)
    );
  });
}

/** Begins an exchange, or turns one that is under way to another root. */
export function beginRotation(authority: Authority, rotation: RootRotation): Authority {
  return { ...authority, Rotation: rotation };
}

/** The new root alone counts from now on, and tokens name it. */
export function finishRotation(authority: Authority, chance: Chance): Authority {
  const { Rotation, ...rest } = authority;
  if (!Rotation) return authority;
  const fresh = { ...rest, Vouchers: vouchersOf(Rotation, rest.Vouchers), Certificate: Rotation.Certificate, Key: Rotation.Key, TLSInfo: Rotation.TLSInfo };
  return withNewTokens(fresh, ['worker', 'manager'], chance);
}

/** The newest ones: a node that missed more exchanges has missed too much. */
const mostVouchers = 4;

function vouchersOf({ CrossSigned }: RootRotation, before = ''): string {
  return joinPem(...[CrossSigned, ...(before.match(pemBlock) ?? [])].slice(0, mostVouchers));
}

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

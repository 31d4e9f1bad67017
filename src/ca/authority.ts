/** The cluster's authority as data: how it begins, whom it signs as, whom nodes trust, and how its root is exchanged. */
import type { Authority, JoinTokens, RootRotation } from '#model/object/authority';
import type { NodeRole } from './certificate.ts';
import type { Issuer } from './contract.ts';
import { joinToken, secretBytes } from './join-token.ts';

/** Bytes of chance, as many as are asked for. */
type Chance = (count: number) => Uint8Array;

/** @param secrets chance for a token each */
export function newAuthority(root: { certificate: string; key: string }, secrets: { worker: Uint8Array; manager: Uint8Array }): Authority {
  return { Certificate: root.certificate, Key: root.key, JoinTokens: tokensOf(root.certificate, secrets) };
}

function tokensOf(root: string, { worker, manager }: { worker: Uint8Array; manager: Uint8Array }): JoinTokens {
  return { Worker: joinToken(root, worker), Manager: joinToken(root, manager) };
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
export function issuerOf({ Certificate, Key, Rotation }: Authority): Issuer {
  if (!Rotation) return { certificate: Certificate, key: Key };
  return { certificate: Rotation.Certificate, key: Rotation.Key, crossSigned: Rotation.CrossSigned };
}

/** Roots that nodes are to trust: both while one is exchanged. */
export function trustedRoots({ Certificate, Rotation }: Authority): string {
  return Rotation ? joinPem(Certificate, Rotation.Certificate) : Certificate;
}

/** Begins an exchange, or turns one that is under way to another root. */
export function beginRotation(authority: Authority, rotation: RootRotation): Authority {
  return { ...authority, Rotation: rotation };
}

/** The new root alone counts from now on, and tokens name it. */
export function finishRotation(authority: Authority, chance: Chance): Authority {
  const { Rotation, ...rest } = authority;
  if (!Rotation) return authority;
  const fresh = { ...rest, Certificate: Rotation.Certificate, Key: Rotation.Key };
  return withNewTokens(fresh, ['worker', 'manager'], chance);
}

function joinPem(...certificates: readonly string[]): string {
  return certificates.map((each) => `${each.trimEnd()}\n`).join('');
}

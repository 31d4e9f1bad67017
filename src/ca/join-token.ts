/** Join tokens in Docker's form: `SWMTKN-1-<digest of the root, 50 digits>-<secret, 25 digits>`, both in base 36. */
import { createHash } from 'node:crypto';
import { sameSecret } from '#base/same-secret';
import type { JoinTokens } from '#model/object/authority';
import type { NodeRole } from './certificate.ts';

const prefix = 'SWMTKN-1';
const digestDigits = 50;
const secretDigits = 25;
/** Bytes of chance that a secret is made from. */
export const secretBytes = 16;

const form = new RegExp(`^${prefix}-([0-9a-z]{${digestDigits}})-([0-9a-z]{${secretDigits}})$`);

/** @param root PEM @param secret bytes of chance, `secretBytes` of them */
export function joinToken(root: string, secret: Uint8Array): string {
  return `${prefix}-${rootDigest(root)}-${base36(secret, secretDigits)}`;
}

/** What a token says of the root that the joiner is to trust; undefined when this is no token. */
export function digestOfToken(token: string): string | undefined {
  return form.exec(token)?.[1];
}

/** The root's SHA-256 as tokens have it. */
export function rootDigest(root: string): string {
  return base36(createHash('sha256').update(root).digest(), digestDigits);
}

/** The role that the token admits to. Takes as long for a wrong token as for a right one. */
export function roleOfToken(tokens: JoinTokens, token: string): NodeRole | undefined {
  const manager = sameSecret(tokens.Manager, token);
  const worker = sameSecret(tokens.Worker, token);
  return manager ? 'manager' : worker ? 'worker' : undefined;
}

function base36(bytes: Uint8Array, digits: number): string {
  let number = 0n;
  for (const byte of bytes) number = (number << 8n) | BigInt(byte);
  return number.toString(36).padStart(digits, '0');
}

/** Tokens that an issuer made for a job of a forge (OpenID Connect): believed by the issuer's own keys, for the subjects that a repository names. */
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { matchesWildcard } from '#base/text/wildcard';
import type { TrustedIssuer } from '#model/object/repository';

type KeySet = ReturnType<typeof createRemoteJWKSet>;

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];
const answerMs = 5_000;
const largestAnswer = 256 * 1024;
const mostIssuers = 100;
const toleratedSeconds = 30;
/** A token of a job lives for minutes; one that is older is nobody's job any more. */
const oldest = '1h';

/** Three parts between dots, the first of them JSON in base64. */
export function isJwt(secret: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret);
}

export class IssuerKeys {
  /** By issuer. */
  readonly #sets = new Map<string, KeySet>();

  /** The trust that the token proves; undefined: none. Never throws on what it holds. */
  async judge(token: string, trusted: readonly TrustedIssuer[]): Promise<TrustedIssuer | undefined> {
    try {
      const { iss, sub } = decodeJwt(token);
      // Only those who are named are asked for their keys.
      const named = trusted.filter(({ Issuer, Subject }) => Issuer === iss && typeof sub === 'string' && matchesWildcard(Subject, sub));
      for (const issuer of named) if (await this.#proves(token, issuer)) return issuer;
    } catch {
      // It is no token, or its issuer does not answer: nothing is proved.
    }
    return undefined;
  }

  async #proves(token: string, { Issuer, Audience, Subject }: TrustedIssuer): Promise<boolean> {
    const keys = await this.#keysOf(Issuer);
    try {
      const options = { issuer: Issuer, audience: Audience, algorithms, clockTolerance: toleratedSeconds, maxTokenAge: oldest, requiredClaims: ['exp', 'sub'] };
      const { payload } = await jwtVerify(token, keys, options);
      return typeof payload.sub === 'string' && matchesWildcard(Subject, payload.sub);
    } catch {
      return false;
    }
  }

  async #keysOf(issuer: string): Promise<KeySet> {
    const known = this.#sets.get(issuer);
    if (known) return known;
    const address = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
    const answer = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(answerMs) });
    const text = await answer.text();
    if (!answer.ok || text.length > largestAnswer) throw new Error('the issuer does not tell its keys');
    const found = JSON.parse(text) as { issuer?: unknown; jwks_uri?: unknown };
    const place = new URL(String(found.jwks_uri));
    const secure = place.protocol === 'https:' || place.host === new URL(issuer).host;
    if (found.issuer !== issuer || !secure) throw new Error('the issuer calls itself otherwise');
    const keys = createRemoteJWKSet(place, { timeoutDuration: answerMs });
    if (this.#sets.size >= mostIssuers) this.#sets.clear();
    this.#sets.set(issuer, keys);
    return keys;
  }
}

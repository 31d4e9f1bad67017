/** Tokens that an issuer made for a job of a forge (OpenID Connect): believed by the issuer's own keys, for the subjects that a repository names. */
import { createLocalJWKSet, decodeJwt, errors, jwtVerify, type JSONWebKeySet } from 'jose';
import type { Clock } from '#base/clock';
import { matchesWildcard } from '#base/text/wildcard';
import { wholeText } from '#base/whole';
import type { TrustedIssuer } from '#model/object/repository';

type KeySet = ReturnType<typeof createLocalJWKSet>;

interface Held {
  /** As they were told last. */
  keys?: KeySet;
  loadedMs: number;
  /** When they were asked for last, whatever came of it. */
  triedMs: number;
  loading?: Promise<void>;
}

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];
const answerMs = 5_000;
const largestAnswer = 256 * 1024;
const mostIssuers = 100;
/** Keys are asked for anew after so long, and at once for a key that is not among them. */
const freshMs = 10 * 60_000;
/** Keys that could not be asked for anew are believed so long. */
const longestMs = 3_600_000;
/** An issuer is asked no more often than that, whatever it answered and whoever shows what. */
const restMs = 30_000;
const toleratedSeconds = 30;
const longestShown = 300;
/** A token of a job lives for minutes; one that is older is nobody's job any more. */
const oldest = '1h';

/** Three parts between dots, the first of them JSON in base64. */
export function isJwt(secret: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret);
}

/** Keys in plain text are those of whoever answers: they come over https, or from an issuer on this machine that is asked so itself. @internal */
export function mayTellKeys(issuer: string, place: URL): boolean {
  const { protocol, origin } = new URL(issuer);
  return place.protocol === 'https:' || (protocol === 'http:' && place.origin === origin);
}

export class IssuerKeys {
  readonly #clock: Pick<Clock, 'monotonicNow'>;
  /** By issuer. */
  readonly #held = new Map<string, Held>();

  constructor(clock: Pick<Clock, 'monotonicNow'>) {
    this.#clock = clock;
  }

  /** The trust that the token proves, or why it proves none, for the log. Never throws on what it holds. */
  async judge(token: string, trusted: readonly TrustedIssuer[]): Promise<TrustedIssuer | { why: string }> {
    let why = 'it is no token';
    try {
      const { iss, sub } = decodeJwt(token);
      why = `nobody trusts ${shown(iss)} for ${shown(sub)}`;
      // Only those who are named are asked for their keys.
      const named = trusted.filter(({ Issuer, Subject }) => Issuer === iss && typeof sub === 'string' && matchesWildcard(Subject, sub));
      for (const issuer of named) {
        why = (await this.#doubt(token, issuer)) ?? '';
        if (why === '') return issuer;
      }
    } catch {
      // What cannot be read proves nothing.
    }
    return { why };
  }

  /** Why the token does not prove that; undefined: it does. */
  async #doubt(token: string, trusted: TrustedIssuer): Promise<string | undefined> {
    const keys = await this.#keysOf(trusted.Issuer, freshMs);
    if (!keys) return `${shown(trusted.Issuer)} does not tell its keys`;
    const doubt = await doubtOf(token, keys, trusted);
    if (doubt !== unknownKey) return doubt;
    // The issuer may have another key by now.
    const newer = await this.#keysOf(trusted.Issuer, 0);
    return newer === undefined || newer === keys ? unknownKey : doubtOf(token, newer, trusted);
  }

  /** Keys that are no older than `oldestMs`, or those that there are while no newer ones are to be had. */
  async #keysOf(issuer: string, oldestMs: number): Promise<KeySet | undefined> {
    const held = this.#heldOf(issuer);
    const now = this.#clock.monotonicNow();
    if (!held.loading && now - held.loadedMs >= oldestMs && now - held.triedMs >= restMs) {
      held.triedMs = now;
      held.loading = this.#load(issuer, held);
    }
    await held.loading;
    return this.#clock.monotonicNow() - held.loadedMs < longestMs ? held.keys : undefined;
  }

  /** Never rejects: what fails leaves the keys as they are. */
  async #load(issuer: string, held: Held): Promise<void> {
    try {
      held.keys = createLocalJWKSet(await keysFrom(issuer));
      held.loadedMs = this.#clock.monotonicNow();
    } catch {
      // It does not answer, or not as an issuer does: it is asked again after a rest.
    } finally {
      delete held.loading;
    }
  }

  #heldOf(issuer: string): Held {
    const held = this.#held.get(issuer) ?? { loadedMs: -Infinity, triedMs: -Infinity };
    const [first] = this.#held.keys();
    if (first !== undefined && this.#held.size >= mostIssuers && !this.#held.has(issuer)) this.#held.delete(first);
    this.#held.set(issuer, held);
    return held;
  }
}

/** What is said of a token that is none of its issuer's. */
const unknownKey = 'its issuer has no such key';

async function doubtOf(token: string, keys: KeySet, { Issuer, Audience, Subject }: TrustedIssuer): Promise<string | undefined> {
  const options = { issuer: Issuer, audience: Audience, algorithms, clockTolerance: toleratedSeconds, maxTokenAge: oldest, requiredClaims: ['exp', 'sub'] };
  try {
    const { payload } = await jwtVerify(token, keys, options);
    return typeof payload.sub === 'string' && matchesWildcard(Subject, payload.sub) ? undefined : 'it is for another subject';
  } catch (error) {
    return error instanceof errors.JWKSNoMatchingKey ? unknownKey : shown((error as Error).message);
  }
}

/** What a stranger wrote, as the log has it. */
function shown(text: unknown): string {
  return String(text).slice(0, longestShown);
}

async function keysFrom(issuer: string): Promise<JSONWebKeySet> {
  const told = (await answerOf(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`)) as { issuer?: unknown; jwks_uri?: unknown };
  const place = new URL(String(told.jwks_uri));
  if (told.issuer !== issuer || !mayTellKeys(issuer, place)) throw new Error('the issuer calls itself otherwise');
  return (await answerOf(place.href)) as JSONWebKeySet;
}

/** What lies at the address, as JSON; read no further than an issuer's answer goes. */
async function answerOf(address: string): Promise<unknown> {
  const answer = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(answerMs) });
  if (!answer.ok) await answer.body?.cancel();
  const text = answer.ok && answer.body ? await wholeText(answer.body, largestAnswer) : undefined;
  if (text === undefined) throw new Error('the issuer does not tell its keys');
  return JSON.parse(text);
}

/** Whose tokens are believed: by a real issuer's keys over HTTP, for its subjects and audience, while they are valid, and nothing else. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isJwt, IssuerKeys, mayTellKeys } from '#api/door/oidc';
import { addIssuer } from '#control/repository/issuers';
import { createRepository } from '#control/repository/repositories';
import { second } from '#base/text/duration';
import type { TrustedIssuer } from '#model/object/repository';
import { initialisedCluster } from '#test/support/memory-cluster';
import { VirtualClock } from '#test/support/virtual-clock';

type Key = Awaited<ReturnType<typeof generateKeyPair>>;

let server: Server;
let issuer: string;
let [good, foreign]: (Key | undefined)[] = [];
let asked: string[] = [];
/** What is answered in the place of the truth, by path. */
let untrue: Record<string, string> = {};

beforeEach(() => {
  asked = [];
  untrue = {};
});

beforeAll(async () => {
  [good, foreign] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
  const jwk = { ...(await exportJWK((good as Key).publicKey)), kid: 'one', alg: 'ES256' };
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const found: Record<string, object> = { '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` }, '/keys': { keys: [jwk] } };
    response.end(untrue[request.url ?? ''] ?? JSON.stringify(found[request.url ?? ''] ?? { issuer: 'somebody else', jwks_uri: `${issuer}/keys` }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

const subject = 'repo:team/stacks:ref:refs/heads/main';
const trust = (more: Partial<TrustedIssuer> = {}): TrustedIssuer => ({
  ID: '1',
  Issuer: issuer,
  Subject: 'repo:team/stacks:ref:refs/heads/*',
  Audience: 'shoal',
  Role: 'push',
  ...more,
});

function made(
  claims: JWTPayload = {},
  { key = good, alg = 'ES256', life = '5m' }: { key?: Key | undefined; alg?: string; life?: string } = {},
): Promise<string> {
  const token = new SignJWT({ iss: issuer, sub: subject, aud: 'shoal', ...claims }).setProtectedHeader({ alg, kid: 'one' }).setExpirationTime(life);
  return ('iat' in claims ? token : token.setIssuedAt()).sign((key as Key).privateKey);
}

const judgement = async (token: string, ...trusted: TrustedIssuer[]): ReturnType<IssuerKeys['judge']> =>
  await new IssuerKeys(new VirtualClock()).judge(token, trusted.length > 0 ? trusted : [trust()]);
const judged = async (...asked: Parameters<typeof judgement>): Promise<string | undefined> => idOf(await judgement(...asked));
const idOf = (found: Awaited<ReturnType<IssuerKeys['judge']>>): string | undefined => ('ID' in found ? found.ID : undefined);
/** Why it proves nothing, as the log has it. */
const doubt = async (...asked: Parameters<typeof judgement>): Promise<string> => {
  const found = await judgement(...asked);
  return 'why' in found ? found.why : '';
};

test('a token of the issuer, for the audience and a subject that matches, proves its trust; the first that it proves counts', async () => {
  expect(await judged(await made())).toBe('1');
  expect(await judged(await made(), trust({ ID: 'a', Audience: 'else' }), trust({ ID: 'b' }))).toBe('b');
  expect(isJwt(await made())).toBe(true);
  expect([isJwt('shoal_x'), isJwt(''), isJwt('eyJ.x')]).toEqual([false, false, false]);
});

test('what is signed by another key, for another, by another, too old, not signed, or no token is not believed', async () => {
  const old = Math.floor(Date.now() / 1000) - 7200;
  const tokens = [
    made({}, { key: foreign }),
    made({ aud: 'another' }),
    made({ sub: 'repo:other/stacks:ref:refs/heads/main' }),
    made({ sub: 'repo:team/stacks:ref:refs/tags/v1' }),
    made({ iss: 'https://elsewhere.example' }),
    made({}, { life: '-5m' }),
    made({ iat: old }),
    'eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.x',
    `${Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')}.${Buffer.from(JSON.stringify({ iss: issuer, sub: subject, aud: 'shoal' })).toString('base64url')}.`,
    'no token',
  ];
  for (const token of tokens) expect(await judged(await token)).toBeUndefined();
  expect(await Promise.all(tokens.map(async (token) => doubt(await token)))).toEqual([
    'signature verification failed',
    'unexpected "aud" claim value',
    `nobody trusts ${issuer} for repo:other/stacks:ref:refs/heads/main`,
    `nobody trusts ${issuer} for repo:team/stacks:ref:refs/tags/v1`,
    `nobody trusts https://elsewhere.example for ${subject}`,
    '"exp" claim timestamp check failed',
    '"iat" claim timestamp check failed (too far in the past)',
    'nobody trusts x for undefined',
    expect.stringMatching(/alg/i),
    'it is no token',
  ]);
  expect((await doubt(await made({ sub: 'x'.repeat(5000) }))).length).toBeLessThan(700);
});

test('only who is named is asked for keys, and one that calls itself otherwise is not believed', async () => {
  expect(await judged(await made({ iss: `${issuer}/other` }))).toBeUndefined();
  expect(asked).toEqual([]);
  expect(await judged(await made({ iss: `${issuer}/other` }), trust({ Issuer: `${issuer}/other` }))).toBeUndefined();
});

test('keys come over https, or from the same place where the issuer itself is on this machine', () => {
  const may = (from: string, place: string): boolean => mayTellKeys(from, new URL(place));
  expect([may('https://f', 'https://f/keys'), may('https://f', 'https://keys.f/'), may('http://127.0.0.1:1', 'http://127.0.0.1:1/keys')]).toEqual([
    true,
    true,
    true,
  ]);
  expect([may('https://f', 'http://f/keys'), may('https://f:1', 'http://f:1/keys'), may('http://127.0.0.1:1', 'http://127.0.0.1:2/keys')]).toEqual([
    false,
    false,
    false,
  ]);
});

test('however many guess at a time, an issuer is asked once; one that fails is asked again after a rest', async () => {
  const clock = new VirtualClock();
  const keys = new IssuerKeys(clock);
  const judge = async (): Promise<Awaited<ReturnType<IssuerKeys['judge']>>[]> =>
    Promise.all([...Array(20).keys()].map(async () => keys.judge(await made(), [trust()])));
  const discovery = '/.well-known/openid-configuration';
  for (const answer of ['no JSON', `"${'x'.repeat(300_000)}"`]) {
    untrue = { [discovery]: answer };
    asked = [];
    expect([(await judge()).every((found) => idOf(found) === undefined), (await judge()).length, asked]).toEqual([true, 20, [discovery]]);
    await clock.advance(30_000);
  }
  untrue = { '/keys': JSON.stringify({ keys: [], more: 'x'.repeat(300_000) }) };
  asked = [];
  expect([(await judge()).concat(await judge()).every((found) => idOf(found) === undefined), asked]).toEqual([true, [discovery, '/keys']]);
  untrue = {};
  await clock.advance(29_999);
  expect((await judge()).map(idOf)[0]).toBeUndefined();
  await clock.advance(1);
  expect((await judge()).every((found) => idOf(found) !== undefined)).toBe(true);
  expect(asked).toEqual([discovery, '/keys', discovery, '/keys']);
});

test('keys are asked for anew after a while and for a key that is new; those that there are hold while the issuer does not answer', async () => {
  const clock = new VirtualClock();
  const keys = new IssuerKeys(clock);
  const proves = async (token: Promise<string>): Promise<boolean> => idOf(await keys.judge(await token, [trust()])) !== undefined;
  const jwk = { ...(await exportJWK((foreign as Key).publicKey)), kid: 'two', alg: 'ES256' };
  const later = (): Promise<string> =>
    new SignJWT({ iss: issuer, sub: subject, aud: 'shoal' })
      .setProtectedHeader({ alg: 'ES256', kid: 'two' })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign((foreign as Key).privateKey);
  expect([await proves(made()), await proves(later()), asked.length]).toEqual([true, false, 2]);
  untrue = { '/.well-known/openid-configuration': JSON.stringify({ issuer, jwks_uri: `${issuer}/moved` }), '/moved': JSON.stringify({ keys: [jwk] }) };
  await clock.advance(30_000);
  expect([await proves(later()), asked.at(-1), await proves(made())]).toEqual([true, '/moved', false]);
  untrue = { '/.well-known/openid-configuration': '' };
  await clock.advance(600_000);
  expect([await proves(later()), asked.length]).toEqual([true, 5]);
  await clock.advance(3_000_000);
  expect(await proves(later())).toBe(false);
});

test('an issuer in plain text, a subject for everybody and a role that nobody could use are refused', () => {
  const cluster = initialisedCluster();
  cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  const add = (more: Partial<TrustedIssuer>) =>
    cluster.run(addIssuer('infra', { Issuer: 'https://forge.example', Subject: 'a:*', Audience: 'shoal', Role: 'plan', ...more }));
  expect(() => add({ Issuer: 'http://forge.example' })).toThrow('is no issuer');
  expect(() => add({ Subject: '*' })).toThrow('would let everybody in');
  expect(() => add({ Audience: '' })).toThrow('all are needed');
  expect(() => add({ Role: 'push' })).toThrow('its tokens here are those that plan');
  add({});
});

import { expect, test } from 'vitest';
import { beginRotation, finishRotation, issuerOf, newAuthority, trustedRoots, withNewTokens } from '#ca/authority';
import { digestOfToken, rootDigest } from '#ca/join-token';

const tlsInfo = (TrustRoot: string) => ({ TrustRoot, CertIssuerSubject: '', CertIssuerPublicKey: '' });
let drawn = 100;
const chance = (count: number): Uint8Array => new Uint8Array(count).fill(++drawn);
const authority = newAuthority({ certificate: 'old\n', key: 'old key', tlsInfo: tlsInfo('old\n') }, chance);
const rotation = { Certificate: 'new\n', Key: 'new key', TLSInfo: tlsInfo('new\n'), CrossSigned: 'new by old\n' };

test('it begins with a token for each role, both naming its root', () => {
  const { Worker, Manager } = authority.JoinTokens;
  expect(Worker).not.toBe(Manager);
  for (const token of [Worker, Manager]) expect(digestOfToken(token)).toBe(rootDigest('old\n'));
});

test('a new token for one role leaves that of the other', () => {
  const renewed = withNewTokens(authority, ['worker'], chance);
  expect(renewed.JoinTokens.Worker).not.toBe(authority.JoinTokens.Worker);
  expect(renewed.JoinTokens.Manager).toBe(authority.JoinTokens.Manager);
});

test('while a root is exchanged the new one signs, vouched for by the old one, and both are trusted', () => {
  expect(issuerOf(authority)).toEqual({ certificate: 'old\n', key: 'old key' });
  const rotating = beginRotation(authority, rotation);
  expect(issuerOf(rotating)).toEqual({ certificate: 'new\n', key: 'new key', crossSigned: 'new by old\n' });
  expect(trustedRoots(rotating)).toBe('old\nnew\n');
  expect(rotating.JoinTokens).toBe(authority.JoinTokens);
});

test('afterwards nothing is left of the old one, and old tokens admit nobody', () => {
  const done = finishRotation(beginRotation(authority, rotation), chance);
  expect(JSON.stringify(done)).not.toContain('old');
  expect(trustedRoots(done)).toBe('new\n');
  for (const token of Object.values(done.JoinTokens)) expect(digestOfToken(token)).toBe(rootDigest('new\n'));
  expect(finishRotation(done, chance)).toBe(done);
});

import { expect, test } from 'vitest';
import { beginRotation, finishRotation, issuerOf, newAuthority, nodesToRotate, withNewTokens } from '#ca/authority';
import { trustedRoots } from '#model/trust/trust';
import type { Node } from '#model/object/node';
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

const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

test('afterwards the old root is trusted no more and its tokens admit nobody; what it says of the new one still goes along', () => {
  const done = finishRotation(beginRotation(authority, { ...rotation, CrossSigned: pem('one') }), chance);
  expect(JSON.stringify([done.Certificate, done.Key, done.TLSInfo])).not.toContain('old');
  expect(trustedRoots(done)).toBe('new\n');
  for (const token of Object.values(done.JoinTokens)) expect(digestOfToken(token)).toBe(rootDigest('new\n'));
  expect(finishRotation(done, chance)).toBe(done);
  expect(issuerOf(done)).toEqual({ certificate: 'new\n', key: 'new key', crossSigned: pem('one') });
});

test('of what roots of before say, the newest four go along', () => {
  let after = authority;
  for (const name of ['one', 'two', 'three', 'four', 'five']) after = finishRotation(beginRotation(after, { ...rotation, CrossSigned: pem(name) }), chance);
  expect(issuerOf(after).crossSigned).toBe(['five', 'four', 'three', 'two'].map(pem).join(''));
});

test('a node is waited for until its certificate is of the new root, unless it is down, or was let in and never came', () => {
  const issuer = { TrustRoot: 'old\nnew\n', CertIssuerSubject: 'ca', CertIssuerPublicKey: 'new key' };
  const rotating = beginRotation(authority, { ...rotation, TLSInfo: issuer });
  const node = (ID: string, State: string, TLSInfo?: object) => ({ ID, Status: { State }, Description: { TLSInfo } }) as unknown as Node;
  const nodes = [node('done', 'ready', issuer), node('old', 'ready', tlsInfo('old\n')), node('new', 'unknown'), node('away', 'down', tlsInfo('old\n'))];
  const nobody = { ID: 'nobody', Status: { State: 'unknown' } } as unknown as Node;
  nodes.push(nobody);
  expect(nodesToRotate(rotating, nodes).map(({ ID }) => ID)).toEqual(['old', 'new']);
  expect(nodesToRotate(authority, nodes)).toEqual([]);
});

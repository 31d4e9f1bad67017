import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { digestOfToken, joinToken, roleOfToken, rootDigest } from '#ca/join-token';

const root = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const secret = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

test('a token has the form of Docker, whatever its numbers are', () => {
  for (const byte of [0, 1, 255]) expect(joinToken(root, secret(byte))).toMatch(/^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
  expect(joinToken(root, secret(0))).toMatch(/-0{25}$/);
  // 2^128 - 1 in base 36.
  expect(joinToken(root, secret(255))).toMatch(/-f5lxx1zz5pnorynqglhzmsp33$/);
});

test('its first number is the SHA-256 of the root, in base 36', () => {
  const digest = createHash('sha256').update(root).digest('hex');
  expect(rootDigest(root)).toBe(BigInt(`0x${digest}`).toString(36).padStart(50, '0'));
  expect(digestOfToken(joinToken(root, secret(7)))).toBe(rootDigest(root));
});

test('what is no token has no digest', () => {
  const token = joinToken(root, secret(7));
  for (const text of ['', 'x', token.slice(1), token.slice(0, -1), `${token}a`, token.replace('-1-', '-2-'), token.toUpperCase(), `${token}\n`, ` ${token}`]) {
    expect(digestOfToken(text), text).toBeUndefined();
  }
});

test('a token admits to its own role, and to none when it is another', () => {
  const tokens = { Worker: joinToken(root, secret(1)), Manager: joinToken(root, secret(2)) };
  expect(roleOfToken(tokens, tokens.Worker)).toBe('worker');
  expect(roleOfToken(tokens, tokens.Manager)).toBe('manager');
  for (const text of ['', joinToken(root, secret(3)), `${tokens.Worker} `, tokens.Worker.slice(0, -1)]) expect(roleOfToken(tokens, text)).toBeUndefined();
});

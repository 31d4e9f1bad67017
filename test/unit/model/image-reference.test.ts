import { expect, test } from 'vitest';
import { checkImage, familiarImage, isFixedImage, isPinned, normalImage, parseImage, readImage, registryOf, withoutDigest } from '#model/image/image-reference';

const sha = 'a'.repeat(64);

test.each([
  ['nginx', { registry: 'docker.io', path: 'library/nginx' }],
  ['nginx:1.27', { registry: 'docker.io', path: 'library/nginx', tag: '1.27' }],
  ['me/app', { registry: 'docker.io', path: 'me/app' }],
  ['index.docker.io/nginx', { registry: 'docker.io', path: 'library/nginx' }],
  ['localhost/a', { registry: 'localhost', path: 'a' }],
  ['localhost:5000/a/b:x', { registry: 'localhost:5000', path: 'a/b', tag: 'x' }],
  ['[::1]:5000/a', { registry: '[::1]:5000', path: 'a' }],
  ['[fd00::1]/a:1', { registry: '[fd00::1]', path: 'a', tag: '1' }],
  ['REGISTRY/a', { registry: 'REGISTRY', path: 'a' }],
  ['a__b/c--d.e_f', { registry: 'docker.io', path: 'a__b/c--d.e_f' }],
  [`h.io/a:1@sha256:${sha}`, { registry: 'h.io', path: 'a', tag: '1', digest: `sha256:${sha}` }],
  [`a@sha512:${sha}${sha}`, { registry: 'docker.io', path: 'library/a', digest: `sha512:${sha}${sha}` }],
  [`a:${'t'.repeat(128)}`, { registry: 'docker.io', path: 'library/a', tag: 't'.repeat(128) }],
])('reads %s', (image, expected) => expect(parseImage(image)).toEqual(expected));

test.each([
  ['', 'invalid reference format'],
  ['a:b:c', 'invalid reference format'],
  [sha, `invalid repository name (${sha}), cannot specify 64-byte hexadecimal strings`],
  ['a/.b', 'invalid reference format'],
  ['a___b', 'invalid reference format'],
  ['a..b', 'invalid reference format'],
  [`a:${'t'.repeat(129)}`, 'invalid reference format'],
  ['a:.t', 'invalid reference format'],
  ['a:', 'invalid reference format'],
  ['a@', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['/a', 'invalid reference format'],
  ['a/', 'invalid reference format'],
  ['a b', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['h.io:port/a', 'invalid reference format'],
  ['[::1/a', 'invalid reference format'],
  ['App', 'invalid reference format: repository name (library/App) must be lowercase'],
  ['h.io/App:1', 'invalid reference format: repository name (App) must be lowercase'],
  ['a@sha256:abc', 'invalid reference format'],
  [`a@sha256:${sha}a`, 'invalid checksum digest length'],
  [`a@sha256:${sha.toUpperCase()}`, 'invalid checksum digest format'],
  [`a@md5:${sha}`, 'unsupported digest algorithm'],
  [`h.io/${'a/'.repeat(130)}b`, 'repository name must not be more than 255 characters'],
  ['a'.repeat(1_000_000), 'invalid reference format'],
])('refuses %s', (image, message) => expect(() => parseImage(image)).toThrow(message));

test('ids are no references, and fixed', () => {
  for (const id of [sha, `sha256:${sha}`]) {
    expect(() => checkImage(id)).not.toThrow();
    expect(isFixedImage(id)).toBe(true);
  }
  expect(isFixedImage(`a@sha256:${sha}`)).toBe(true);
  expect(isFixedImage('a:1')).toBe(false);
  expect(readImage(sha)).toBeUndefined();
});

test('written for people, and as it is sent', () => {
  expect(familiarImage(`docker.io/library/nginx:1@sha256:${sha}`)).toBe('nginx:1');
  expect(familiarImage(`nginx@sha256:${sha}`)).toBe(`nginx@sha256:${sha}`);
  expect(familiarImage(`h.io/a:1@sha256:${sha}`, true)).toBe(`h.io/a:1@sha256:${sha}`);
  expect(familiarImage('not an image')).toBe('not an image');
  expect(normalImage('docker.io/library/nginx')).toBe('nginx:latest');
  expect(normalImage('h.io/a')).toBe('h.io/a:latest');
  expect(normalImage(`a@sha256:${sha}`)).toBe(`a@sha256:${sha}`);
  expect(withoutDigest(`a:1@sha256:${sha}`)).toBe('a:1');
  expect(registryOf('me/app')).toBe('docker.io');
});

test('a pinned image is the one that was asked for', () => {
  const pinned = (image: string) => `${image}@sha256:${sha}`;
  expect(isPinned(pinned('a'), 'a')).toBe(true);
  expect(isPinned(pinned('a:latest'), 'a')).toBe(true);
  expect(isPinned(pinned('docker.io/library/a:1'), 'a:1')).toBe(true);
  expect(isPinned(pinned('a'), 'a:1')).toBe(false);
  expect(isPinned(pinned('a:2'), 'a:1')).toBe(false);
  expect(isPinned('a:1', 'a:1')).toBe(false);
  expect(isPinned(pinned('a:1'), pinned('a:1'))).toBe(false);
});

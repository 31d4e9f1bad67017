/** Where a package is fetched from: how far a place may lead on, and how much it may give. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isPublic } from '#node/release/address-kind';
import { fetchPackage } from '#node/release/fetch';
import { startWebServer, type WebServer } from '#test/support/git-server';

const never = new AbortController().signal;
const bounds = { bytes: 1000, ms: 10_000, isPublic };
const anyDigest = 'a'.repeat(64);
let first: WebServer;
let second: WebServer;
let answer: (response: ServerResponse, path: string) => unknown;
let answerBehind: typeof answer;

beforeEach(async () => {
  // Nobody's list of authorities knows the servers of this test.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  first = await startWebServer('/', { plain: true, instead: ({ url = '' }, response) => (answer(response, url), true) });
  second = await startWebServer('/', { instead: ({ url = '' }, response) => (answerBehind(response, url), true) });
});

afterEach(async () => {
  await first.stop();
  await second.stop();
  vi.unstubAllEnvs();
});

const leadTo = (place: string) => (response: ServerResponse) => response.writeHead(302, { Location: place }).end();
const fetchFirst = (digest = anyDigest, more: Partial<typeof bounds> = {}): Promise<Buffer> =>
  fetchPackage(`${first.url}/shoal.tgz`, digest, never, { ...bounds, ...more });

test('a place that sends on to another host over https is followed there, and what lies there counts by its digest', async () => {
  const bytes = Buffer.from('a package');
  answer = leadTo(`${second.url}/store/x?key=1`);
  answerBehind = (response) => response.end(bytes);
  expect(await fetchFirst(createHash('sha256').update(bytes).digest('hex'))).toEqual(bytes);
  expect(second.requests).toEqual([{ path: '/store/x?key=1', authorization: undefined }]);
  await expect(fetchFirst()).rejects.toThrow('nothing of it was unpacked');
});

test('without https a place leads to no other host, and nowhere without end', async () => {
  answer = leadTo('http://169.254.169.254/latest');
  await expect(fetchFirst()).rejects.toThrow('leads to another place without https (http://169.254.169.254)');
  answer = leadTo(`${second.url}/x`);
  answerBehind = leadTo(`${first.url}/x`);
  await expect(fetchFirst()).rejects.toThrow(`leads to another place without https (${first.url})`);
  answer = leadTo('file:///etc/passwd');
  await expect(fetchFirst()).rejects.toThrow('leads to another place without https');
  answer = (response, path) => leadTo(`${path}x`)(response);
  await expect(fetchFirst()).rejects.toThrow('more than 5 times');
});

test('a place in the Internet leads to no address of a network of our own, by number or by name', async () => {
  for (const host of ['127.0.0.2', '[::1]', 'localhost']) {
    answer = leadTo(`https://${host}:1/x`);
    await expect(fetchFirst(anyDigest, { isPublic: onlyFirst() })).rejects.toThrow('to which no place in the Internet may lead');
  }
  expect(second.requests).toEqual([]);
});

/** The first that is asked about is of the Internet, all others are not. */
function onlyFirst(): (address: string) => boolean {
  let asked = 0;
  return () => (asked += 1) === 1;
}

test('what a place may give is bounded in length and time, and a status that is none is named', async () => {
  answer = (response) => response.writeHead(404).end();
  await expect(fetchFirst()).rejects.toThrow('status 404');
  answer = (response) => response.end(Buffer.alloc(2000));
  await expect(fetchFirst()).rejects.toThrow('longer than the 1000 bytes');
  answer = () => undefined;
  await expect(fetchFirst(anyDigest, { ms: 50 })).rejects.toThrow('was not fetched within 0.05 seconds');
});

test.each([
  ['8.8.8.8', true],
  ['140.82.112.3', true],
  ['2606:50c0:8000::153', true],
  ['::ffff:8.8.8.8', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.31.0.1', false],
  ['192.168.1.1', false],
  ['100.64.0.1', false],
  ['169.254.169.254', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::', false],
  ['::1', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:a00:1', false],
  ['64:ff9b::a00:1', false],
  ['fd00::1', false],
  ['fe80::1', false],
  ['fe80::1%eth0', false],
  ['2606:50c0:8000::153%eth0', true],
  ['', false],
  ['2002:a00:1::', false],
  ['ff02::1', false],
])('whether %s is an address of the Internet: %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});

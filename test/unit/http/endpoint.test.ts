/** Addresses of engines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { certificatesOf, parseEndpoint } from '#http/endpoint';

test.each([
  ['/var/run/docker.sock', { url: 'unix:///var/run/docker.sock', options: { socketPath: '/var/run/docker.sock' }, secure: false }],
  ['unix:///e.sock', { url: 'unix:///e.sock', options: { socketPath: '/e.sock' }, secure: false }],
  ['tcp://manager', { url: 'tcp://manager', options: { host: 'manager', port: 2375 }, secure: false }],
  ['tcp://[fd00::1]:99', { url: 'tcp://[fd00::1]:99', options: { host: 'fd00::1', port: 99 }, secure: false }],
])('%s', (text, endpoint) => expect(parseEndpoint(text, undefined)).toEqual(endpoint));

test('certificates come from the folder that docker reads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-certificates-'));
  for (const name of ['ca', 'cert', 'key']) writeFileSync(join(folder, `${name}.pem`), name);
  const { options, secure } = parseEndpoint('tcp://manager', certificatesOf({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder }));
  rmSync(folder, { recursive: true });
  expect({ options, secure }).toMatchObject({
    secure: true,
    options: { port: 2376, servername: 'manager', ca: Buffer.from('ca'), cert: Buffer.from('cert'), key: Buffer.from('key') },
  });
});

test.each(['nonsense', 'tcp://', 'ssh://', 'ssh://user:password@host'])('%s is refused with what would be right', (text) =>
  expect(() => parseEndpoint(text, undefined)).toThrow(/unable to parse docker host .* give/),
);

test('no certificates are asked for where docker would not', () => expect(certificatesOf({ DOCKER_CERT_PATH: '/x' })).toBeUndefined());

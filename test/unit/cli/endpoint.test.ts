import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveEndpoint } from '../../../src/cli/endpoint.ts';

test.each([
  [{}, {}, 'unix:///run/shoal/shoal.sock'],
  [{ host: 'unix:///x.sock' }, { DOCKER_HOST: 'tcp://a:1' }, 'unix:///x.sock'],
  [{}, { DOCKER_HOST: 'tcp://a:1', SHOAL_HOST: 'tcp://b:2' }, 'tcp://b:2'],
  [{}, { DOCKER_HOST: 'tcp://a:1' }, 'tcp://a:1'],
])('options %o and environment %o lead to %s', (options, environment, url) => {
  expect(resolveEndpoint(options, environment).url).toBe(url);
});

test('what is no address is refused with what would be right', () => {
  expect(() => resolveEndpoint({ host: 'nonsense' }, {})).toThrow('unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST');
  expect(() => resolveEndpoint({ host: 'tcp://a', context: 'b' }, {})).toThrow('exclude each other');
});

test('a context is read from the docker CLI’s own store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-context-'));
  try {
    const meta = join(folder, 'contexts/meta', createHash('sha256').update('prod').digest('hex'));
    mkdirSync(meta, { recursive: true });
    writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: 'prod', Endpoints: { docker: { Host: 'tcp://swarm:2375' } } }));
    const environment = { DOCKER_CONFIG: folder };
    expect(resolveEndpoint({ context: 'prod' }, environment).options).toMatchObject({ host: 'swarm', port: 2375 });
    expect(() => resolveEndpoint({ context: 'none' }, environment)).toThrow('context "none" does not exist');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

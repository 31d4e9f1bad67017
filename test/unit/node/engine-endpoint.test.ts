import { expect, test } from 'vitest';
import { engineEndpoint } from '#node/engine-endpoint';

test.each(['nonsense', 'ssh://host', 'tcp://'])('%s is refused', (text) =>
  expect(() => engineEndpoint(text, {})).toThrow(`--engine ${text}: give unix://PATH or tcp://HOST:PORT`),
);

test('a socket and a host are taken, with TLS where docker would', () => {
  expect(engineEndpoint('/e.sock', {})).toEqual({ url: 'unix:///e.sock', options: { socketPath: '/e.sock' }, secure: false });
  expect(engineEndpoint('tcp://manager', { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' })).toMatchObject({ secure: true, options: { port: 2376 } });
});

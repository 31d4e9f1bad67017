/** An engine behind TLS: known by its certificate, and we by ours. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { DockerSwarm } from '#swarm/docker-swarm';
import { engineEndpoint } from '#node/engine-endpoint';
import { FakeDockerSwarm } from '#test/support/fake-docker-swarm';
import { MemoryCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

const reason = spawnSync('openssl', ['version']).status === 0 ? undefined : 'needs openssl to make certificates';

describe.skipIf(reason !== undefined)(reason ? `TLS (skipped: ${reason})` : 'TLS', () => {
  const docker = new FakeDockerSwarm();
  let folder = '';
  let door: Server;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-tls-'));
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=authority');
    writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1');
    sign('engine', 'engine-key.pem', 'engine.pem');
    sign('client', 'key.pem', 'cert.pem');
    await docker.start();
    const read = (name: string) => readFileSync(join(folder, name));
    door = createServer(
      { key: read('engine-key.pem'), cert: read('engine.pem'), ca: read('ca.pem'), requestCert: true, rejectUnauthorized: true },
      (client) => {
        const engine = connect(docker.socketPath);
        client.on('error', () => engine.destroy());
        engine.on('error', () => client.destroy());
        client.pipe(engine).pipe(client);
      },
    );
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => {
    door.close();
    docker.stop();
    rmSync(folder, { recursive: true });
  });

  function openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  }

  function sign(name: string, key: string, certificate: string): void {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca-key.pem',
      '-CAcreateserial',
      '-out',
      certificate,
      '-days',
      '2',
      '-extfile',
      'names',
    );
  }

  function swarmWith(certificates: string): DockerSwarm {
    const url = `tcp://127.0.0.1:${(door.address() as AddressInfo).port}`;
    const endpoint = engineEndpoint(url, { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates });
    return new DockerSwarm(endpoint, { records: new MemoryCluster(), clock: realClock, random: seededRandom(3), logger: silentLogger });
  }

  test('with the certificates of docker the swarm is read', async () => {
    const swarm = swarmWith(folder);
    await swarm.start();
    expect([...(await swarm.read()).list('service')]).toEqual([]);
    await swarm.stop();
  });

  test('without them neither side trusts the other', async () => {
    await expect(swarmWith(join(folder, 'none')).start()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/cannot reach the Docker Engine at tcp:.*certificate/),
    });
  });
});

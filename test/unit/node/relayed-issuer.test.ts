import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { relayedIssuer } from '#node/member/relayed-issuer';
import { TestAuthority } from '#test/support/cluster-certificates';
import { initialisedCluster } from '#test/support/memory-cluster';

test('so many joins are handed on at once, and no more: the connections to the leader are for more than that', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const [cluster, tls] = [initialisedCluster(), await (await TestAuthority.begin()).node('m', 'manager')];
  const issuer = relayedIssuer(
    () => cluster.store,
    () => `127.0.0.1:${port}`,
    () => tls,
  );
  const request = { request: '', token: '', availability: 'active', advertised: '', replaces: '', unheard: '', comesFrom: '', greets: false };
  const answers: string[] = [];
  const asked = Array.from({ length: 18 }, () => issuer.join(request, '10.0.0.9').catch((error: Error) => void answers.push(error.message)));
  await Promise.all(asked.slice(16));
  expect(answers).toEqual(Array.from({ length: 2 }, () => 'too many nodes join by way of this manager at once: try again in a moment'));
  silent.close();
});

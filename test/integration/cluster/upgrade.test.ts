/** Three managers, run as systemd runs them, take up a release that a repository declares. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { HostCluster } from '#test/support/host-cluster';
import { supervised } from '#test/support/packages';
import { stays, whyNoHost } from '../../support/machine.mjs';
import { upgradeStep } from './upgrade-step.ts';

const reason = whyNoHost();
const image = 'shoal-upgrade:1';

describe.skipIf(reason !== undefined)(reason ? `releases (skipped: ${reason})` : 'releases', { timeout: 300_000 }, () => {
  let cluster: HostCluster;

  beforeAll(async () => {
    cluster = await HostCluster.start(3, image, stays, supervised);
  }, 120_000);

  afterAll(async () => {
    await cluster?.end();
  }, 60_000);

  test('a release runs on every node, one after the other; one that dies stops at its first node, which goes back by itself', async () => {
    const [first, ...others] = cluster.daemons;
    if (!first) throw new Error('no daemon');
    await first.askDocker('swarm', 'init', '--advertise-addr', first.host.address);
    await first.ask('swarm', 'update', '--dispatcher-heartbeat', '5s');
    for (const daemon of others)
      await daemon.askDocker('swarm', 'join', '--token', await first.askDocker('swarm', 'join-token', '-q', 'manager'), `${first.host.address}:2377`);
    await first.askDocker('service', 'create', '-d', '--name', 'app', '--replicas', '3', '--stop-grace-period', '1s', image);
    await cluster.eventually(() => cluster.containers().length, 3);
    await upgradeStep({ cluster, managers: cluster.daemons });
  });
});

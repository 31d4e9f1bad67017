/** A daemon that dies again and again on a real host: the fourth start is safe, its containers run on, the harm goes, and a restart in order is a whole one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon } from '#test/support/daemon';
import { type Host, loadImage, startHost, stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-safe:1';

describe.skipIf(reason !== undefined)(reason ? `safe mode (skipped: ${reason})` : 'safe mode', () => {
  let host: Host;
  let daemon: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image, { command: stays });
    daemon = new HostDaemon(host);
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  const containers = () => host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.service.name']).split('\n').filter(Boolean);

  test('four lives', async () => {
    await daemon.askDocker('service', 'create', '-d', '--name', 'keeps', image);
    await daemon.askDocker('service', 'create', '-d', '--name', 'poison', image);
    await until(
      () => containers().length === 2,
      30_000,
      () => containers().join(),
    );
    // The first life was long enough to be counted from here: it dies too.
    await daemon.kill();
    for (let life = 2; life <= 3; life++) {
      await daemon.start();
      await daemon.kill();
    }
    await daemon.start();
    expect(await daemon.askDocker('info', '--format', '{{.Warnings}}')).toContain('safe mode, because 3 starts in a row died within a minute');
    expect(await daemon.askDocker('node', 'ls', '--format', '{{.Status}}')).toBe('Disconnected');
    expect(containers()).toHaveLength(2);
    await daemon.askDocker('service', 'rm', 'poison');
    await daemon.stop();
    await daemon.start();
    expect(await daemon.askDocker('info', '--format', '{{.Warnings}}')).not.toContain('safe mode');
    await until(
      () => containers().length === 1,
      30_000,
      () => containers().join(),
    );
    await until(
      async () => (await daemon.askDocker('node', 'ls', '--format', '{{.Status}}')) === 'Ready',
      30_000,
      () => 'the node is not ready',
    );
  });
});

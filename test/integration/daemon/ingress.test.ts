/** Published ports as callers find them: from outside, from the host, over loopback. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon, runCommand } from '#test/support/daemon';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-ingress:1';
/** Answers with its hostname, and dies at once when told to. */
const command = ['/bin/sh', '-c', 'hostname > /www/index.html; exec httpd -f -p 80 -h /www'];

describe.skipIf(reason !== undefined)(reason ? `ingress (skipped: ${reason})` : 'ingress', () => {
  let host: Host;
  let daemon: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image, { command });
    loadImage(host.socket, 'shoal-ingress:slow', {
      command: ['/bin/sh', '-c', 'sleep 3; touch /tmp/ready; hostname > /www/index.html; exec httpd -f -p 80 -h /www'],
      changes: ['HEALTHCHECK --interval=500ms --retries=20 CMD ["/bin/ls", "/tmp/ready"]'],
    });
    daemon = new HostDaemon(host);
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  function stackOf(ports: readonly unknown[], deploy: object = {}, service: object = {}): string {
    return JSON.stringify({
      services: { app: { image, init: true, ports, deploy: { replicas: 3, update_config: { monitor: '500ms' }, ...deploy }, ...service } },
    });
  }

  /** What answers on a port: asked from outside, from the host by its address, and over loopback. */
  async function answer(from: 'outside' | 'host' | 'loopback', port: number): Promise<string> {
    const address = from === 'loopback' ? '127.0.0.1' : host.address;
    const command = ['timeout', '3', 'busybox', 'wget', '-q', '-O', '-', `http://${address}:${port}/`];
    const [program = '', ...args] = from === 'outside' ? command : [...host.enter, ...command];
    const { code, stdout } = await runCommand(program, args, {});
    return code === 0 ? stdout.trim() : '';
  }

  async function answers(from: 'outside' | 'host' | 'loopback', port: number, count = 20): Promise<string[]> {
    const all: string[] = [];
    for (let i = 0; i < count; i++) all.push(await answer(from, port));
    return all;
  }

  /** Whether the servers of all replicas have their port: a container without a health check runs a moment before. */
  async function listening(): Promise<boolean> {
    const names = host.docker(['ps', '-q', '--filter', 'name=front_app']).trim().split('\n');
    return names.length === 3 && names.every((name) => /:80 .*LISTEN/.test(host.docker(['exec', name, 'netstat', '-ltn'])));
  }

  test.each(['outside', 'host', 'loopback'] as const)('from %s every call is answered, and all replicas take part', async (from) => {
    expect((await daemon.deploy('front', stackOf(['8080:80']))).code).toBe(0);
    await until(listening, 20_000, () => host.docker(['ps', '-a']));
    const all = await answers(from, 8080);
    expect(all).not.toContain('');
    expect(new Set(all).size).toBe(3);
  });

  test('a rollout with start-first loses no call', async () => {
    await daemon.deploy('front', stackOf(['8080:80']));
    const smooth = stackOf(['8080:80'], { update_config: { order: 'start-first', monitor: '500ms', delay: '500ms' } }, { environment: { V: '2' } });
    const rolling = daemon.deploy('front', smooth);
    const lost: string[] = [];
    let ended = false;
    void rolling.finally(() => (ended = true));
    while (!ended) lost.push(...(await answers('outside', 8080, 5)).filter((text) => text === ''));
    expect([(await rolling).code, lost]).toEqual([0, []]);
  });

  test('who is not healthy yet gets no calls', async () => {
    await daemon.deploy(
      'slow',
      JSON.stringify({ services: { app: { image: 'shoal-ingress:slow', init: true, ports: ['8082:80'], deploy: { replicas: 1 } } } }),
      ['--detach'],
    );
    await until(
      () => host.docker(['ps', '-q', '--filter', 'name=slow_app']) !== '',
      20_000,
      () => host.docker(['ps', '-a']),
    );
    expect(await answer('outside', 8082)).toBe('');
    await until(
      async () => (await answer('outside', 8082)) !== '',
      20_000,
      () => host.docker(['ps', '-a']),
    );
    expect(host.docker(['ps', '--filter', 'name=slow_app'])).toContain('(healthy)');
    await daemon.ask('stack', 'rm', 'slow');
  });

  test('scaling, and a replica that dies', async () => {
    await daemon.deploy('front', stackOf(['8080:80'], { restart_policy: { delay: '30s' } }));
    const [victim = ''] = host.docker(['ps', '-q', '--filter', 'name=front_app']).split('\n');
    host.docker(['kill', victim]);
    await until(
      async () => new Set(await answers('outside', 8080, 8)).size <= 2,
      10_000,
      () => 'the dead one is still called',
    );
    expect(await answers('outside', 8080)).not.toContain('');
    await daemon.ask('service', 'scale', 'front_app=1');
    // The one that stays is enough for the command; the other is on its way out.
    const one = async () => {
      const all = await answers('loopback', 8080);
      expect(all).not.toContain('');
      return new Set(all).size === 1;
    };
    await until(one, 5000, () => 'the one that left is still called');
  });

  test('a port without number is given one from 30000 on', async () => {
    expect((await daemon.deploy('any', stackOf(['80']))).code).toBe(0);
    const port = Number(/\*:(\d+)->80\/tcp/.exec(await daemon.askDocker('service', 'ls', '--filter', 'name=any_app'))?.[1]);
    expect(port).toBeGreaterThanOrEqual(30_000);
    expect(await answer('outside', port)).not.toBe('');
    await daemon.ask('stack', 'rm', 'any');
  });

  test('host mode publishes the one container', async () => {
    const ports = [{ target: 80, published: 8085, mode: 'host' }];
    expect((await daemon.deploy('direct', stackOf(ports, { mode: 'global', replicas: undefined }))).code).toBe(0);
    for (const from of ['outside', 'host', 'loopback'] as const) expect(await answer(from, 8085)).toMatch(/^\w{12}$/);
    expect(await daemon.ask('service', 'ps', 'direct_app')).toMatch(/\*:8085->80\/tcp/);
    // A second replica finds no place on the only node.
    const { code, stderr } = await daemon.deploy('crowd', stackOf([{ target: 80, published: 8086, mode: 'host' }], { replicas: 2 }), ['--timeout', '3s']);
    expect([code, stderr]).toEqual([4, expect.stringContaining('no suitable node (host-mode port already in use on 1 node)')]);
    await daemon.ask('stack', 'rm', 'crowd', 'direct');
  });

  test('a port that another service has is refused in Docker’s words, and nothing changes', async () => {
    await daemon.deploy('front', stackOf(['8080:80']));
    const { code, stderr } = await daemon.deploy('rival', stackOf(['8080:80']));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/port '8080' is already in use by service 'front_app' \(\w{25}\) as an ingress port/)]);
    expect(await daemon.ask('stack', 'ls')).not.toContain('rival');
    // The port is free again with its service.
    await daemon.ask('stack', 'rm', 'front');
    expect((await daemon.deploy('rival', stackOf(['8080:80']))).code).toBe(0);
    expect(await answer('outside', 8080)).not.toBe('');
    await daemon.ask('stack', 'rm', 'rival');
    await until(
      async () => (await answer('outside', 8080)) === '',
      10_000,
      () => 'still answered',
    );
  });

  /** Of none nslookup says so by its exit. */
  function addressesOf(caller: string, name: string): Set<string> {
    const { stdout } = spawnSync('docker', ['-H', `unix://${host.socket}`, 'exec', caller, 'nslookup', '-type=a', name], { encoding: 'utf8' });
    return new Set(stdout.match(/^Address: *\d+\.\d+\.\d+\.\d+$/gm) ?? []);
  }

  test('names resolve in the stack, and follow its replicas', async () => {
    const service = { image, init: true, networks: { back: { aliases: ['api'] } }, deploy: { replicas: 2, update_config: { monitor: '500ms' } } };
    const text = JSON.stringify({
      services: {
        app: service,
        caller: { image, init: true, command: ['/bin/sleep', '100000'], networks: ['back'], deploy: { update_config: { monitor: '500ms' } } },
      },
      networks: { back: {} },
    });
    // More than once: a stack that comes again gets a network with a name server again.
    for (let round = 0; round < 3; round++) {
      expect((await daemon.deploy('names', text)).code).toBe(0);
      const [caller = ''] = host.docker(['ps', '-q', '--filter', 'name=names_caller']).split('\n');
      // The service has one address, its tasks have theirs.
      for (const [name, count] of [
        ['app', 1],
        ['api', 1],
        ['names_app', 1],
        ['tasks.app', 2],
      ] as const) {
        // A task's name comes with its traffic, a moment after it runs.
        await until(
          () => addressesOf(caller, name).size === count,
          10_000,
          () => `${name}: ${[...addressesOf(caller, name)].join(' ')}, and not ${count}`,
        );
      }
      expect(host.docker(['exec', caller, 'wget', '-q', '-O', '-', 'http://api/']).trim()).toMatch(/^\w{12}$/);
      await daemon.ask('stack', 'rm', 'names');
    }
    expect(daemon.lastLog()).not.toContain('cannot serve names');
  });
});

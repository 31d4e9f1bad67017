/** Daemons that start, stop, stand side by side and leave: what they spare and what they take with them. */
import { once } from 'node:events';
import { appendFileSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { httpCall } from '#test/support/api-fixture';
import { Asker } from '#test/support/asker';
import { HostDaemon } from '#test/support/daemon';
import { snapshotOf } from '#test/support/fleet';
import { isAlive, resolverPid, resolverSocket } from '#test/support/resolver-process';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-life:1';

describe.skipIf(reason !== undefined)(reason ? `life of a daemon (skipped: ${reason})` : 'life of a daemon', () => {
  let host: Host;
  let daemon: HostDaemon;
  let neighbour: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image, { command: ['/bin/sh', '-c', 'hostname > /www/index.html; exec httpd -f -p 80 -h /www'] });
    daemon = new HostDaemon(host, 'a');
    neighbour = new HostDaemon(host, 'b');
    for (const [each, port] of [
      [daemon, 2377],
      [neighbour, 2378],
    ] as const) {
      each.file('key.txt', `key of ${each.name}`);
      await each.start();
      await each.ask('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', `127.0.0.1:${port}`);
    }
  });

  afterAll(async () => {
    await daemon?.remove();
    await neighbour?.remove();
    await host?.stop();
  });

  function stackOf(port: number, version = '1'): string {
    const deploy = { replicas: 2, update_config: { monitor: '300ms' }, restart_policy: { delay: '500ms' } };
    return JSON.stringify({
      services: { app: { image, init: true, environment: { V: version }, ports: [`${port}:80`], networks: ['net'], secrets: ['key'], deploy } },
      networks: { net: {} },
      secrets: { key: { file: './key.txt' } },
    });
  }

  const ids = (stack: string) =>
    [...snapshotOf(host, image).values()]
      .filter((one) => one.stack === stack && one.state === 'running')
      .map(({ id, started }) => `${id} ${started}`)
      .sort();
  const answer = (port: number) => host.run(['busybox', 'wget', '-q', '-O', '-', `http://127.0.0.1:${port}/`]).trim();

  test('two daemons on one engine: each has its own, even under the same names', async () => {
    const [one, other] = await Promise.all([daemon.deploy('shop', stackOf(8001)), neighbour.deploy('shop', stackOf(8002))]);
    expect([one.code, other.code], one.stderr + other.stderr).toEqual([0, 0]);
    expect(ids('shop').length).toBe(4);
    expect([answer(8001), answer(8002)]).toEqual([expect.stringMatching(/^\w{12}$/), expect.stringMatching(/^\w{12}$/)]);
    expect(await daemon.ask('service', 'ls', '--format', '{{.Name}} {{.Replicas}}')).toBe('shop_app 2/2');
    const keys = ids('shop').map((line) => host.docker(['exec', line.split(' ')[0] ?? '', 'cat', '/run/secrets/key']));
    expect(keys.sort()).toEqual(['key of a', 'key of a', 'key of b', 'key of b']);
  });

  test('a restart of one leaves both in peace', async () => {
    const before = ids('shop');
    await daemon.kill();
    expect([answer(8001).length, answer(8002).length]).toEqual([12, 12]);
    await daemon.start();
    expect((await daemon.deploy('extra', stackOf(8003))).code).toBe(0);
    await daemon.ask('stack', 'rm', 'extra');
    await until(
      () => ids('extra').length === 0,
      20_000,
      () => host.docker(['ps']),
    );
    expect(ids('shop')).toEqual(before);
    expect([answer(8001).length, answer(8002).length]).toEqual([12, 12]);
  });

  test('names resolve all the while that a daemon is killed, starts, stops and starts again', async () => {
    // That of the first slot is the one that a scale down leaves.
    const first = host.docker(['ps', '-q', '--filter', 'name=shop_app.1.']).trim().split('\n');
    const own = first.find((id) => host.docker(['exec', id, 'cat', '/run/secrets/key']) === 'key of a') ?? '';
    const pid = host.docker(['inspect', '-f', '{{.State.Pid}}', own]).trim();
    const asker = new Asker(['nsenter', '-t', pid, '-n'], 'app');
    try {
      const steps = [() => daemon.kill(), () => daemon.start(), () => daemon.stop(), () => daemon.start()];
      for (const step of steps) {
        await step();
        await asker.more(100);
      }
      // The names are those of the daemon that is there now.
      await daemon.ask('service', 'scale', 'shop_app=1');
      await until(
        () => asker.last.split(' ').length === 1,
        20_000,
        () => asker.last,
      );
      await daemon.ask('service', 'scale', 'shop_app=2');
    } finally {
      expect(await asker.stop()).toEqual([]);
    }
  });

  test('a second daemon on the same state folder is refused, by its own words and exit code', async () => {
    const rival = new HostDaemon(host, 'rival', ['--state', daemon.state]);
    const child = rival.spawn();
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(readFileSync(rival.log, 'utf8')).toMatch(new RegExp(`another daemon .*is using ${daemon.state}`));
    const sameSocket = new HostDaemon(host, 'rival2', ['--socket', daemon.socket]);
    expect(await once(sameSocket.spawn(), 'exit')).toEqual([1, null]);
    expect(readFileSync(sameSocket.log, 'utf8')).toContain(`another daemon answers on ${daemon.socket}`);
    expect(await daemon.answers()).toBe(true);
    for (const each of [rival, sameSocket]) await each.remove();
  });

  test('a state folder with a long path: sockets are elsewhere', async () => {
    const state = join(daemon.folder, 'x'.repeat(200), 'state');
    const far = new HostDaemon(host, 'far', ['--state', state]);
    try {
      await far.start();
      await far.ask('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2379');
      expect(await far.ask('node', 'ls', '--format', '{{.Status}}')).toBe('Ready');
      await far.ask('swarm', 'leave', '--force');
    } finally {
      await far.remove();
    }
  });

  test('a run folder that somebody else has made is refused, with what to do', async () => {
    const theirs = new HostDaemon(host, 'theirs');
    mkdirSync(theirs.runFolder, { mode: 0o777 });
    chownSync(theirs.runFolder, 1234, 1234);
    try {
      await theirs.start();
      const { code, stderr } = await theirs.run(['swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2379']);
      expect([code, stderr]).toEqual([1, expect.stringContaining("was made by user 1234, who could read this node's secrets: stop what uses it, remove it")]);
    } finally {
      await theirs.remove();
    }
  });

  test('SIGTERM leaves containers, ports and names, and ends well', async () => {
    const before = ids('shop');
    const names = await resolverPid(resolverSocket(daemon.runFolder));
    const started = Date.now();
    await daemon.stop();
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(ids('shop')).toEqual(before);
    expect(answer(8001)).toMatch(/^\w{12}$/);
    expect(existsSync(daemon.socket)).toBe(false);
    expect(isAlive(names)).toBe(true);
    await daemon.start();
    expect(ids('shop')).toEqual(before);
    expect(await resolverPid(resolverSocket(daemon.runFolder))).toBe(names);
  });

  test('what happened before is told after the restart, to our own CLI and to docker’s', async () => {
    const flags = ['--since', '1h', '--until', '0s', '--filter', 'scope=swarm'];
    const docker = (await daemon.askDocker('events', ...flags)).trim().split('\n');
    expect(docker.filter((line) => / service create \S+ \(name=shop_\w+\)$/.test(line))).not.toEqual([]);
    // Something may have happened in between.
    const own = (await daemon.ask('events', ...flags)).split('\n').slice(0, docker.length);
    expect(own).toEqual(docker);
  });

  test('what changed while it was away is made good', async () => {
    const [line = ''] = ids('shop').filter((each) => host.docker(['exec', each.split(' ')[0] ?? '', 'cat', '/run/secrets/key']) === 'key of a');
    await daemon.stop();
    host.docker(['rm', '-f', line.split(' ')[0] ?? '']);
    host.run(['nft', 'flush', 'ruleset']);
    await daemon.start();
    await until(
      () => ids('shop').length === 4,
      30_000,
      () => host.docker(['ps', '-a']),
    );
    await until(
      () => safely(() => answer(8001)).length === 12,
      30_000,
      () => host.run(['nft', 'list', 'ruleset']),
    );
  });

  test('a log cut off in the middle of a write is opened, without what was not acknowledged', async () => {
    await daemon.kill();
    const segments = readdirSync(join(daemon.state, 'raft'))
      .filter((name) => name.startsWith('log-'))
      .sort();
    const last = join(daemon.state, 'raft', segments.at(-1) ?? '');
    expect(statSync(last).size).toBeGreaterThan(0);
    appendFileSync(last, Buffer.from([0, 0, 1, 0, 7, 7, 7]));
    await daemon.start();
    expect(await daemon.ask('service', 'ls', '--format', '{{.Name}} {{.Replicas}}')).toBe('shop_app 2/2');
    expect((await daemon.deploy('shop', stackOf(8001, '2'))).code).toBe(0);
  });

  test('the engine stops under one, and another is started without one: both wait for it, and a node without an engine is down', async () => {
    const states = () => Promise.all([daemon, neighbour].map((each) => each.ask('node', 'ls', '--format', '{{.Status}} {{.ManagerStatus}}').catch(String)));
    await daemon.stop();
    await host.stopEngine();
    await daemon.start();
    let seen: string[] = [];
    const are = async (wanted: string): Promise<boolean> => (seen = await states()).every((state) => state === wanted);
    await until(
      () => are('Down Leader'),
      60_000,
      () => seen.join('\n'),
    );
    expect([daemon.alive, neighbour.alive]).toEqual([true, true]);
    await host.startEngine();
    await until(
      () => are('Ready Leader'),
      60_000,
      () => seen.join('\n'),
    );
    await until(
      () => [8001, 8002].every((port) => safely(() => answer(port)).length === 12) && safely(() => ids('shop').join('\n')).split('\n').length === 4,
      60_000,
      () => [host.docker(['ps', '-a']), host.run(['nft', 'list', 'ruleset']), daemon.lastLog(), neighbour.lastLog()].join('\n'),
    );
  }, 240_000);

  test('swarm leave takes all of its own with it, and nothing of others', async () => {
    host.docker(['run', '-d', '--name', 'foreign', '--network', 'bridge', image]);
    host.docker(['network', 'create', 'foreign-net']);
    const theirs = ids('shop').filter((each) => host.docker(['exec', each.split(' ')[0] ?? '', 'cat', '/run/secrets/key']) === 'key of b');
    const [names, theirNames] = [await resolverPid(resolverSocket(daemon.runFolder)), await resolverPid(resolverSocket(neighbour.runFolder))];
    await daemon.ask('swarm', 'leave', '--force');
    await until(
      () => !isAlive(names),
      30_000,
      () => `the resolver ${names} outlives the cluster\n${daemon.lastLog()}`,
    );
    expect(isAlive(theirNames)).toBe(true);
    expect(ids('shop')).toEqual(theirs);
    expect(answer(8002)).toMatch(/^\w{12}$/);
    expect(safely(() => answer(8001))).toBe('');
    expect(readdirSync(daemon.runFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toEqual([]);
    expect(host.run(['nft', 'list', 'tables']).match(/^table ip shoal/gm)?.length, 'ports, containers, counts and brief ends of the neighbour').toBe(4);
    expect(existsSync(join(daemon.state, 'raft'))).toBe(false);
    await neighbour.ask('swarm', 'leave', '--force');
    expect(host.docker(['ps', '-a', '--format', '{{.Names}}']).trim()).toBe('foreign');
    expect(host.docker(['network', 'ls', '--format', '{{.Name}}']).trim().split('\n').sort()).toEqual(['bridge', 'foreign-net', 'host', 'none']);
    expect(host.run(['nft', 'list', 'ruleset'])).not.toContain('shoal');
    expect(host.run(['iptables', '-S'])).not.toContain('0x5');
    expect(host.run(['sh', '-c', 'ss -lntu | grep -E ":(8001|8002|53|640[0-9][0-9]) " || true'])).toBe('');
  });

  test('and a new swarm begins from nothing', async () => {
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
    expect(await daemon.ask('stack', 'ls', '--format', '{{.Name}}')).toBe('');
    expect((await daemon.deploy('shop', stackOf(8001))).code).toBe(0);
    expect(answer(8001)).toMatch(/^\w{12}$/);
  });

  const containersOf = (service: string): string[] =>
    host
      .docker(['ps', '-a', '--filter', `name=^${service}\\.`, '--format', '{{.Names}}'])
      .split('\n')
      .filter((name) => name !== '');

  /** A service that is begun, and seen with `wanted` containers at least, of its three; not waited for where that is 0. */
  async function begun({ socket }: HostDaemon, name: string, wanted: number): Promise<void> {
    const { status } = await httpCall(socket, 'POST', '/services/create', {
      Name: name,
      TaskTemplate: { ContainerSpec: { Image: image, Init: true } },
      Mode: { Replicated: { Replicas: 3 } },
    });
    expect(status).toBe(201);
    if (wanted > 0)
      await until(
        () => containersOf(name).length >= wanted,
        30_000,
        () => host.docker(['ps', '-a']),
      );
  }

  test('a service removed while its containers are being made leaves none behind, twenty times', async () => {
    for (let round = 0; round < 20; round++) {
      await begun(daemon, `gone${round}`, round % 3);
      expect((await httpCall(daemon.socket, 'DELETE', `/services/gone${round}`)).status).toBe(200);
    }
    await until(
      () => containersOf(String.raw`gone\d+`).length === 0,
      60_000,
      () => `${host.docker(['ps', '-a'])}\n${daemon.lastLog()}`,
    );
  });

  test('init answers when the node itself is in; one that leaves while containers are being made leaves none behind', async () => {
    for (const wanted of [0, 1, 2]) {
      const init = await httpCall(neighbour.socket, 'POST', '/swarm/init', { ListenAddr: '127.0.0.1:2378', AdvertiseAddr: '127.0.0.1' });
      expect(init.status).toBe(200);
      // What the node's own agent says of it comes with its session: whoever made the cluster finds that there.
      expect((await httpCall(neighbour.socket, 'GET', '/nodes')).text).toContain('TrustRoot');
      await begun(neighbour, 'left', wanted);
      expect((await httpCall(neighbour.socket, 'POST', '/swarm/leave?force=1')).status).toBe(200);
      expect(containersOf('left')).toEqual([]);
    }
  });
});

/** Empty while it does not work. */
function safely(ask: () => string): string {
  try {
    return ask();
  } catch {
    return '';
  }
}

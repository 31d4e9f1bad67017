/** A manager and a worker on two hosts: joining by token, tasks on both, a worker that dies, returns, leaves and is removed. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCertificateFiles } from '#identity/certificate-files';
import type { AssignmentMessage } from '#model/object/assignment';
import type { Secret } from '#model/object/secret';
import type { Task } from '#model/object/task';
import { clientCredentials, LiveTls, strangerCredentials } from '#rpc/credentials';
import { connectDispatcher } from '#rpc/dispatcher-client';
import { HostDaemon, runCommand } from '#test/support/daemon';
import { callSocket } from '../../bench/daemon.ts';
import type { ServiceHealth } from '#model/health/health';
import { testDescription as description } from '#test/support/memory-cluster';
import { answerOf, managersOnly, openMethods, rpcMethods } from '#test/support/rpc-caller';
import { startHosts } from '../../support/hosts.mjs';
import { type Host, loadImage, stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-workers:1';
const limitMs = 60_000;
/** A secret that only the manager's own tasks have, and what a service's environment says. */
const [closed, spoken] = ['closed-to-workers-4711', 'spoken-in-private-4712'];

describe.skipIf(reason !== undefined)(reason ? `workers (skipped: ${reason})` : 'workers', () => {
  let machines: Awaited<ReturnType<typeof startHosts>>;
  let manager: HostDaemon;
  let worker: HostDaemon;

  beforeAll(async () => {
    machines = await startHosts(2);
    const [one, two] = machines.hosts as [Host, Host];
    for (const { socket } of machines.hosts) loadImage(socket, image, { command: stays });
    manager = new HostDaemon(one, 'm');
    worker = new HostDaemon(two, 'w', ['--safe-mode=false']);
    await Promise.all([manager.start(), worker.start()]);
    // So long that a restart is none of a node's deaths, however slow the machine is.
    await manager.ask('swarm', 'init', '--advertise-addr', one.address, '--dispatcher-heartbeat', '8s');
  });

  afterAll(async () => {
    await worker?.remove();
    await manager?.remove();
    await machines?.stop();
  });

  const token = () => manager.askDocker('swarm', 'join-token', '-q', 'worker');
  const at = (daemon: HostDaemon) => `${daemon.host.address}:2377`;
  const nodeId = (daemon: HostDaemon) => daemon.askDocker('info', '--format', '{{.Swarm.NodeID}}');
  const tlsOf = ({ state }: HostDaemon): LiveTls => new LiveTls(readCertificateFiles(state, () => true) ?? { certificate: '', key: '', roots: '' });
  const idsOf = (service: string, { host }: HostDaemon): string[] =>
    host
      .docker(['ps', '-q', '--filter', `label=com.docker.swarm.service.name=${service}`])
      .split('\n')
      .filter(Boolean)
      .sort();
  const containersOf = (service: string, daemon: HostDaemon): number => idsOf(service, daemon).length;
  const containers = ({ host }: HostDaemon) => host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.task.id']).split('\n').filter(Boolean);
  const nodeStates = async () => (await manager.askDocker('node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.TLSStatus}}')).split('\n').sort();
  const running = async (service: string) =>
    (await manager.askDocker('service', 'ps', service, '--filter', 'desired-state=running', '--format', '{{.Node}} {{.CurrentState}}')).split('\n');
  const settled = async (service: string, nodes: readonly string[]) => {
    const wanted = nodes.map((node) => `${node} Running`).sort();
    let seen: string[] = [];
    await until(
      async () => {
        seen = (await running(service)).map((line) => line.split(' ').slice(0, 2).join(' ')).sort();
        return seen.join() === wanted.join();
      },
      limitMs,
      () => `${seen.join()}\n${manager.lastLog()}\n${worker.lastLog()}`,
    );
  };
  const allReady = () =>
    until(
      async () => (await nodeStates()).every((line) => line.includes(' Ready ')),
      limitMs,
      () => worker.lastLog(),
    );
  const state = async (daemon: HostDaemon) => daemon.askDocker('info', '--format', '{{.Swarm.LocalNodeState}}');

  async function refused(text: string | RegExp, ...args: string[]): Promise<void> {
    const { code, stderr } = await worker.docker(['swarm', 'join', ...args]);
    expect([code, stderr.trim()]).toEqual([1, expect.stringMatching(text)]);
    expect(await state(worker)).toBe('inactive');
  }

  test('what does not fit is refused, and nothing comes of it', async () => {
    const good = await token();
    const [, , digest = '', secret = ''] = good.split('-');
    const last = secret.endsWith('0') ? '1' : '0';
    await refused('invalid join token', '--token', 'SWMTKN-1-x', at(manager));
    await refused('A valid join token is necessary to join this cluster', '--token', `SWMTKN-1-${digest}-${secret.slice(0, -1)}${last}`, at(manager));
    await refused('remote CA does not match fingerprint. Expected: [0-9a-f]{64}', '--token', `SWMTKN-1-${'0'.repeat(49)}1-${secret}`, at(manager));
    await refused('at least 1 RemoteAddr is required to join', '--token', good, ':2377');
    await refused('connect: connection refused', '--token', good, `${manager.host.address}:1`);
    await refused('advertise address must be a non-zero IP address', '--token', good, '--advertise-addr', '0.0.0.0', at(manager));
    expect((await manager.askDocker('node', 'ls', '-q')).split('\n').length).toBe(1);
  });

  test('a port that is taken is told, before anything is made', async () => {
    const holder = spawn(worker.host.enter[0] ?? '', [...worker.host.enter.slice(1), 'busybox', 'nc', '-l', '-p', '2377'], { stdio: 'ignore' });
    try {
      await until(
        () => /:2377\b/.test(worker.host.run(['ss', '-ltnH'])),
        limitMs,
        () => 'nothing listens',
      );
      // A worker listens to nobody.
      const managers = await manager.askDocker('swarm', 'join-token', '-q', 'manager');
      await refused('listen tcp 0.0.0.0:2377: bind: address already in use', '--token', managers, at(manager));
      const { code, stderr } = await worker.docker(['swarm', 'init', '--advertise-addr', worker.host.address]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('listen tcp 0.0.0.0:2377: bind: address already in use')]);
    } finally {
      holder.kill();
    }
    expect(await state(worker)).toBe('inactive');
    expect((await nodeStates()).length).toBe(1);
  });

  test('an address that is silent leaves the node pending, and a restart or leaving ends that', { timeout: 120_000 }, async () => {
    machines.cut(manager.host);
    const forgotten = worker.docker(['swarm', 'join', '--token', await token(), at(manager)]);
    await until(
      async () => (await state(worker)) === 'pending',
      limitMs,
      () => worker.lastLog(),
    );
    expect((await worker.docker(['swarm', 'init'])).stderr).toContain('This node is already part of a swarm');
    await worker.kill();
    expect((await forgotten).code).toBe(1);
    await worker.start();
    expect(await state(worker)).toBe('inactive');
    const { code, stderr } = await worker.docker(['swarm', 'join', '--token', await token(), at(manager)]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('Timeout was reached before node joined. The attempt to join the swarm will continue in the background.'),
    ]);
    expect(await state(worker)).toBe('pending');
    expect(await worker.askDocker('swarm', 'leave')).toBe('Node left the swarm.');
    expect(await state(worker)).toBe('inactive');
    machines.heal(manager.host);
  });

  test('by the token of workers a node joins, and is known by its certificate', async () => {
    expect(await worker.askDocker('swarm', 'join', '--token', await token(), at(manager))).toBe('This node joined a swarm as a worker.');
    // Whoever asked goes on at once: join answers when the managers see the node.
    expect(await nodeStates()).toEqual(machines.hosts.map(({ name }) => `${name} Ready Ready`).sort());
    const [role, address] = (await manager.askDocker('node', 'inspect', worker.host.name, '--format', '{{.Spec.Role}} {{.Status.Addr}}')).split(' ');
    expect([role, address]).toEqual(['worker', worker.host.address]);
    const path = join(worker.state, 'certificates', 'swarm-node.crt');
    const { subject, ca } = new X509Certificate(readFileSync(path));
    const id = await worker.askDocker('info', '--format', '{{.Swarm.NodeID}}');
    const cluster = await manager.askDocker('info', '--format', '{{.Swarm.Cluster.ID}}');
    expect([subject.split('\n').sort(), ca]).toEqual([[`CN=${id}`, `O=${cluster}`, 'OU=swarm-worker'], false]);
    expect(statSync(join(worker.state, 'certificates', 'swarm-node.key')).mode & 0o777).toBe(0o600);
  });

  test('a worker says that it is none to ask, and is in the swarm already', async () => {
    for (const args of [
      ['node', 'ls'],
      ['service', 'ls'],
      ['swarm', 'join-token', 'worker'],
    ]) {
      const { code, stderr } = await worker.docker(args);
      expect([code, stderr]).toEqual([1, expect.stringContaining("Worker nodes can't be used to view or modify cluster state.")]);
    }
    const { stderr } = await worker.docker(['swarm', 'join', '--token', await token(), at(manager)]);
    expect(stderr).toContain('This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.');
    expect(
      await worker.askDocker(
        'info',
        '--format',
        '{{.Swarm.ControlAvailable}} {{(index .Swarm.RemoteManagers 0).NodeID}} {{(index .Swarm.RemoteManagers 0).Addr}}',
      ),
    ).toBe(`false ${await nodeId(manager)} ${at(manager)}`);
  });

  test('tasks run on both, secrets too, and constraints know who is what', async () => {
    await manager.ask('secret', 'create', 'key', manager.file('key', 'opens'));
    await manager.askDocker(
      'service',
      'create',
      '-d',
      '--name',
      'app',
      '--replicas',
      '4',
      '--secret',
      'key',
      '--stop-grace-period',
      '1s',
      '--update-parallelism',
      '0',
      image,
    );
    const both = [manager, worker].map(({ host }) => host.name);
    await settled('app', [...both, ...both]);
    expect([containers(manager).length, containers(worker).length]).toEqual([2, 2]);
    const [first = ''] = containers(worker);
    expect(worker.host.docker(['exec', first, 'cat', '/run/secrets/key'])).toBe('opens');
    await manager.askDocker('service', 'create', '-d', '--name', 'far', '--constraint', 'node.role==worker', image);
    await settled('far', [worker.host.name]);
    await manager.askDocker('service', 'rm', 'far');
  });

  test('a node is drained: what it ran runs elsewhere before it ends here', async () => {
    const both = [manager, worker].map(({ host }) => host.name);
    const drained = manager.run(['node', 'drain', '--wait', worker.host.name]);
    let over = false;
    void drained.finally(() => (over = true));
    const counts: number[] = [];
    // The node that empties first: what moves between the two looks is counted twice and never missed.
    while (!over) {
      counts.push(containersOf('app', worker) + containersOf('app', manager));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([(await drained).code, Math.min(...counts)]).toEqual([0, 4]);
    expect([containersOf('app', worker), containersOf('app', manager)]).toEqual([0, 4]);
    await manager.askDocker('node', 'update', '--availability', 'active', worker.host.name);
    await manager.askDocker('service', 'update', '-d', '--force', 'app');
    await settled('app', [...both, ...both]);
  });

  test('a worker that means harm gets the secrets of its own tasks, and nothing else', async () => {
    await manager.askDocker('secret', 'create', 'closed', manager.file('closed', closed));
    await manager.askDocker('service', 'create', '-d', '--name', 'near', '-p', '8099:80', '--constraint', 'node.role==manager', '--secret', 'closed', image);
    await settled('near', [manager.host.name]);
    const own = await nodeId(worker);
    // The node's own agent would take its place back.
    await worker.stop();
    let beats: NodeJS.Timeout | undefined;
    const hostile = connectDispatcher(at(manager), clientCredentials(tlsOf(worker)));
    try {
      const Shoal = { ...description.Shoal, Clashes: [{ Service: 'near', Text: 'cannot publish port 8099/tcp of service near: it is mine' }] };
      const session = await hostile.openSession(await nodeId(manager), { ...description, Hostname: manager.host.name, Shoal });
      beats = setInterval(() => void session.heartbeat().catch(() => undefined), 300);
      const { value } = await session.assignments()[Symbol.asyncIterator]().next();
      const items = (value as AssignmentMessage).changes.flatMap((change) => (change.action === 'update' ? [change] : []));
      const names = items.flatMap(({ kind, item }) => (kind === 'secret' ? [(item as Secret).Spec.Name] : []));
      expect(names).toEqual(['key']);
      const tasks = items.flatMap(({ kind, item }) => (kind === 'task' ? [item as Task] : []));
      expect(new Set(tasks.map(({ NodeID }) => NodeID))).toEqual(new Set([own]));
      const text = JSON.stringify(value);
      for (const form of [closed, Buffer.from(closed).toString('base64')]) expect(text).not.toContain(form);
      // It speaks of what is not its own: nothing comes of it.
      const [foreign = ''] = (await manager.askDocker('service', 'ps', '-q', '--no-trunc', 'near')).split('\n');
      const status = { Timestamp: new Date(0).toISOString(), State: 'failed' as const, Message: 'x', Err: 'x' };
      await session.updateTaskStatus([{ taskId: foreign, status }]);
      await settled('near', [manager.host.name]);
      // What it says of a service that it does not have is shown as its own word, and judges nobody.
      expect(await manager.askDocker('service', 'ps', 'near', '--no-trunc', '--format', '{{.Error}}')).toContain('it is mine');
      const { Health } = (await callSocket(manager.socket, 'GET', '/shoal/v1/services/near/progress', undefined)) as { Health: ServiceHealth };
      expect([Health.state === 'failing', Health.reasons]).toEqual([false, [expect.stringContaining('it is mine')]]);
    } finally {
      clearInterval(beats);
      hostile.close();
      await worker.start();
    }
    await settled('near', [manager.host.name]);
    for (const path of managersOnly)
      expect([path, await answerOf(at(manager), path, clientCredentials(tlsOf(worker)))]).toEqual([path, expect.stringMatching(/^7 /)]);
    await manager.askDocker('service', 'rm', 'near');
  });

  test('without a certificate a manager answers who wants to join, and nobody else', async () => {
    const stranger = strangerCredentials(tlsOf(worker).now.roots);
    for (const { path } of rpcMethods.filter((each) => !openMethods.includes(each.path)))
      expect([path, await answerOf(at(manager), path, stranger)]).toEqual([path, expect.stringMatching(/^16 /)]);
    const speak = (...args: string[]) =>
      runCommand(
        'openssl',
        ['s_client', '-connect', at(manager), '-quiet', '-servername', 'x', ...args],
        {},
        { input: 'GET /v1.47/info HTTP/1.1\r\nHost: x\r\n\r\n' },
      );
    for (const args of [['-tls1_3'], ['-tls1_3', '-alpn', 'h2'], ['-tls1_3', '-alpn', 'http/1.1']]) {
      const { stdout } = await speak(...args);
      for (const word of ['200', 'SWMTKN', 'Swarm', worker.host.name, manager.host.name])
        expect([args, stdout]).toEqual([args, expect.not.stringContaining(word)]);
    }
    expect((await speak('-tls1_2')).code).not.toBe(0);
  });

  test('who listens on the wire between two nodes reads nothing of what they say', async () => {
    const path = join(manager.folder, 'wire.pcap');
    const [enter = '', ...prefix] = manager.host.enter;
    const listener = spawn(enter, [...prefix, 'tcpdump', '-i', 'cluster0', '-s', '0', '-U', '-w', path], { stdio: 'ignore' });
    const caught = (): Buffer => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
    const said = async (word: string) =>
      until(
        () => {
          manager.host.run(['bash', '-c', `echo -n ${word} > /dev/udp/${worker.host.address}/9`]);
          return caught().includes(word);
        },
        limitMs,
        () => 'nothing is caught',
      );
    try {
      await said('wire-begins');
      await manager.askDocker('secret', 'create', 'wire', manager.file('wire', closed));
      await manager.askDocker(
        'service',
        'create',
        '-d',
        '--name',
        'heard',
        '--env',
        `WORD=${spoken}`,
        '--secret',
        'wire',
        '--constraint',
        'node.role==worker',
        image,
      );
      await settled('heard', [worker.host.name]);
      const container = worker.host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.service.name=heard']).trim();
      expect(await manager.askDocker('exec', container, 'sh', '-c', 'cat /run/secrets/wire; echo $WORD')).toBe(`${closed}${spoken}`);
      await said('wire-ends');
    } finally {
      listener.kill();
    }
    const wire = caught();
    const clear = [closed, spoken, 'heard', 'com.docker.swarm', 'Containers'];
    for (const word of clear)
      for (const form of [word, Buffer.from(word).toString('base64').replace(/..=*$/, '')]) expect([form, wire.includes(form)]).toEqual([form, false]);
    await manager.askDocker('service', 'rm', 'heard');
  });

  test('a worker that starts again goes on with what ran', async () => {
    const before = idsOf('app', worker);
    await worker.kill();
    await worker.start();
    await allReady();
    await settled(
      'app',
      [manager, manager, worker, worker].map(({ host }) => host.name),
    );
    expect(idsOf('app', worker)).toEqual(before);
  });

  test('a worker that dies is down, and its tasks are replaced; back again it ends the twins', { timeout: 180_000 }, async () => {
    // A session learns the period when it begins.
    await manager.askDocker('swarm', 'update', '--dispatcher-heartbeat', '2s');
    await worker.kill();
    await worker.start();
    await allReady();
    await worker.kill();
    await until(
      async () => (await nodeStates()).some((line) => line.startsWith(`${worker.host.name} Down`)),
      limitMs,
      () => manager.lastLog(),
    );
    await settled(
      'app',
      Array.from({ length: 4 }, () => manager.host.name),
    );
    await worker.start();
    await until(
      () => containers(worker).length === 0,
      limitMs,
      () => worker.lastLog(),
    );
    expect(containers(manager).length).toBe(4);
  });

  test('a node that is removed is cut off at once, whatever its certificate says', async () => {
    await allReady();
    const { stderr } = await manager.docker(['node', 'rm', worker.host.name]);
    expect(stderr).toContain("is not down and can't be removed");
    await manager.askDocker('node', 'rm', '--force', worker.host.name);
    await until(
      async () => /was removed from swarm/.test(await worker.askDocker('info', '--format', '{{.Swarm.Error}}')),
      limitMs,
      () => worker.lastLog(),
    );
    expect((await manager.askDocker('node', 'ls', '-q')).split('\n').length).toBe(1);
  });

  test('it leaves, and joins again with a token of now: the one of before admits nobody', async () => {
    expect(await worker.askDocker('swarm', 'leave')).toBe('Node left the swarm.');
    expect(await state(worker)).toBe('inactive');
    const old = await token();
    expect(await manager.askDocker('swarm', 'join-token', '--rotate', '-q', 'worker')).not.toBe(old);
    await refused('A valid join token is necessary to join this cluster', '--token', old, at(manager));
    await worker.ask('swarm', 'join', '--token', await token(), at(manager));
    await until(
      async () => (await nodeStates()).length === 2 && (await nodeStates()).every((line) => line.includes(' Ready ')),
      limitMs,
      () => worker.lastLog(),
    );
    await worker.askDocker('swarm', 'leave');
    await manager.askDocker('node', 'rm', '--force', worker.host.name);
  });
});

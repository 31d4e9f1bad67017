/** The docker CLI against our socket: everything that people of a Swarm type, with its exit code, and without a word about panics or parsing. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon, runCommand, type Ran } from '#test/support/daemon';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-cli:1';
const newer = 'shoal-cli:2';

describe.skipIf(reason !== undefined)(reason ? `docker CLI (skipped: ${reason})` : 'docker CLI', () => {
  let host: Host;
  let daemon: HostDaemon;
  /** All that the client said, for the last test of each. */
  let said: string[] = [];

  beforeAll(async () => {
    host = await startHost();
    const command = ['/bin/sh', '-c', 'trap "exit 0" TERM; while true; do echo tick; sleep 0.3; done'];
    for (const tag of [image, newer]) loadImage(host.socket, tag, { command });
    daemon = new HostDaemon(host);
    await daemon.start();
  });

  afterEach(() => {
    expect(said.join('\n')).not.toMatch(/panic|goroutine|cannot unmarshal|parsing time|invalid character|<nil>|0001-01-01|%!/);
    said = [];
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  async function docker(...args: string[]): Promise<Ran> {
    const ran = await daemon.docker(args);
    said.push(ran.stdout, ran.stderr);
    return ran;
  }

  /** Standard output of what must succeed. */
  async function well(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await docker(...args);
    expect(code, `docker ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout.trim();
  }

  async function refused(text: string | RegExp, ...args: string[]): Promise<void> {
    const { code, stderr } = await docker(...args);
    expect(code, `docker ${args.join(' ')}`).not.toBe(0);
    expect(stderr).toMatch(text);
  }

  test('outside a swarm, and into one', async () => {
    expect(await well('info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('inactive');
    expect(await well('info')).toContain('Swarm: inactive');
    await refused(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      'node',
      'ls',
    );
    await refused('This node is not a swarm manager', 'service', 'ls');
    await refused('This node is not part of a swarm', 'swarm', 'leave');
    expect(await well('swarm', 'init', '--advertise-addr', '127.0.0.1')).toMatch(/^Swarm initialized: current node \(\w{25}\) is now a manager\./);
    await refused('This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.', 'swarm', 'init');
    const info = await well('info');
    for (const text of [/Swarm: active/, /NodeID: \w{25}/, /Is Manager: true/, /ClusterID: \w{25}/, /Managers: 1/, /Nodes: 1/, /Node Address: 127\.0\.0\.1/])
      expect(info).toMatch(text);
    expect(await well('version')).toMatch(/Server:[\s\S]*API version: +1\.4/);
    expect(await well('swarm', 'update', '--task-history-limit', '3')).toBe('Swarm updated.');
  });

  test('nodes', async () => {
    const id = await well('node', 'ls', '-q');
    expect(await well('node', 'ls')).toMatch(new RegExp(`${id} \\* +${host.name} +Ready +Active +Leader +\\S+`));
    expect(JSON.parse(await well('node', 'inspect', 'self'))).toMatchObject([
      { ID: id, Spec: { Role: 'manager', Availability: 'active' }, Status: { State: 'ready' } },
    ]);
    expect(await well('node', 'inspect', '--pretty', id)).toContain(host.name);
    await well('node', 'update', '--label-add', 'zone=a', id);
    expect(await well('node', 'inspect', '--format', '{{.Spec.Labels.zone}}', host.name)).toBe('a');
    await well('node', 'update', '--label-rm', 'zone', id);
    await refused('attempting to demote the last manager of the swarm', 'node', 'demote', id);
    await refused('must be demoted to worker before removal', 'node', 'rm', id);
    await refused('node nobody not found', 'node', 'inspect', 'nobody');
    expect(await well('node', 'ps', 'self')).toContain('DESIRED STATE');
  });

  test('secrets, configs and networks', async () => {
    for (const kind of ['secret', 'config']) {
      expect((await daemon.docker([kind, 'create', '--label', 'a=b', 'one', '-'], { input: 'value' })).code).toBe(0);
      expect((await daemon.docker([kind, 'create', 'one', '-'], { input: 'value' })).stderr).toContain(`${kind} one already exists`);
      expect(await well(kind, 'ls')).toMatch(/\w{25} +one .*ago/);
      expect(await well(kind, 'inspect', '--format', '{{.Spec.Name}} {{.Spec.Labels.a}}', 'one')).toBe('one b');
      expect(await well(kind, 'inspect', '--pretty', 'one')).toContain('one');
      expect(await well(kind, 'rm', 'one')).toBe('one');
      await refused(`${kind} one not found`, kind, 'rm', 'one');
    }
    expect(await well('network', 'create', '-d', 'overlay', '--subnet', '10.99.0.0/24', '--label', 'a=b', 'back')).toMatch(/^\w{25}$/);
    await refused('network with name back already exists', 'network', 'create', '-d', 'overlay', 'back');
    expect(await well('network', 'ls', '--filter', 'name=back')).toMatch(/\w{12} +back +overlay +swarm/);
    expect(JSON.parse(await well('network', 'inspect', 'back'))).toMatchObject([
      { Name: 'back', Scope: 'swarm', Driver: 'overlay', IPAM: { Config: [{ Subnet: '10.99.0.0/24' }] }, Labels: { a: 'b' } },
    ]);
    expect(await well('network', 'rm', 'back')).toBe('back');
    await refused('network back not found', 'network', 'inspect', 'back');
  });

  test('stacks, in both ways of deploying', async () => {
    daemon.file('key.txt', 'value');
    const text = (replicas: number) =>
      JSON.stringify({
        version: '3.8',
        services: {
          app: { image, init: true, secrets: ['key'], networks: ['inner'], ports: ['8081:80'], deploy: { replicas, update_config: { monitor: '500ms' } } },
          each: { image, init: true, deploy: { mode: 'global', update_config: { monitor: '500ms' } } },
        },
        networks: { inner: {} },
        secrets: { key: { file: './key.txt' } },
      });
    const created = await well('stack', 'deploy', '--detach=false', '-c', daemon.file('stack.yml', text(2)), 'shop');
    for (const line of ['Creating network shop_inner', 'Creating secret shop_key', 'Creating service shop_app', 'converged']) expect(created).toContain(line);
    const updated = await well('stack', 'deploy', '--detach=true', '-c', daemon.file('stack.yml', text(1)), 'shop');
    expect(updated).toMatch(/^Updating service shop_app \(id: \w{25}\)$/m);
    expect(await well('stack', 'ls')).toMatch(/^shop +2$/m);
    expect(await well('stack', 'ps', 'shop')).toMatch(/shop_app\.1 .* Running +Running/);
    expect(await well('stack', 'services', 'shop')).toMatch(/shop_each +global +1\/1/);
    expect(await well('service', 'ls')).toMatch(/shop_app +replicated +\d\/1 +\S+ +\*:8081->80\/tcp/);
    await until(
      async () => (await well('ps', '-q', '--filter', 'name=shop_')).split('\n').length === 2,
      20_000,
      () => host.docker(['ps']),
    );
    const removed = await well('stack', 'rm', 'shop');
    for (const line of ['Removing service shop_app', 'Removing secret shop_key', 'Removing network shop_inner']) expect(removed).toContain(line);
    expect((await docker('stack', 'rm', 'shop')).stderr).toContain('Nothing found in stack: shop');
    await until(
      async () => (await docker('stack', 'ps', 'shop')).stderr.includes('nothing found in stack: shop'),
      20_000,
      () => host.docker(['ps']),
    );
  });

  test('one service from its making to its end', async () => {
    const flags = [
      '--replicas',
      '2',
      '-p',
      '9000:80',
      '--env',
      'A=1',
      '--label',
      'x=y',
      '--constraint',
      'node.role==manager',
      '--limit-memory',
      '64m',
      '--init',
    ];
    const waits = ['--update-monitor', '500ms', '--rollback-monitor', '500ms', '--stop-grace-period', '2s', '--mount', 'type=volume,source=data,target=/data'];
    const made = await well('service', 'create', '--name', 'solo', ...flags, ...waits, image);
    expect(made).toContain('verify: Service ');
    await refused('name conflicts with an existing object: service solo already exists', 'service', 'create', '--name', 'solo', image);
    await refused(
      /port '9000' is already in use by service 'solo' \(\w{25}\) as an ingress port/,
      'service',
      'create',
      '--name',
      'clash',
      '-p',
      '9000:80',
      image,
    );
    expect(await well('service', 'ps', 'solo')).toMatch(/solo\.1 .* Running +Running/);
    expect(JSON.parse(await well('service', 'inspect', 'solo'))).toMatchObject([
      { Spec: { Name: 'solo', Mode: { Replicated: { Replicas: 2 } } }, Endpoint: { Ports: [{ PublishedPort: 9000 }] } },
    ]);
    for (const text of ['Service Mode:', 'Replicas:', 'PublishedPort = 9000', 'Constraints:'])
      expect(await well('service', 'inspect', '--pretty', 'solo')).toContain(text);
    expect(await well('service', 'scale', 'solo=3')).toContain('Service solo converged');
    expect(await well('service', 'update', '--image', newer, '--env-add', 'B=2', 'solo')).toContain('Service solo converged');
    expect(await well('service', 'ps', 'solo')).toMatch(/\\_ solo\.1 +shoal-cli:1 .* Shutdown +Shutdown/);
    expect(await well('service', 'inspect', '--pretty', 'solo')).toMatch(/UpdateStatus:\s+State:\s+completed\s+Started:\s+.* ago\s+Completed:/);
    expect(await well('service', 'rollback', 'solo')).toContain('Service solo converged');
    expect(await well('service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}} {{.UpdateStatus.State}}', 'solo')).toBe(
      `${image} rollback_completed`,
    );
    expect(await well('service', 'update', '--force', '--detach', 'solo')).toBe('solo');
    expect(await well('service', 'rm', 'solo')).toBe('solo');
    await refused('service solo not found', 'service', 'rm', 'solo');
    await refused('no such service: solo', 'service', 'ps', 'solo');
  });

  test('jobs', async () => {
    expect(
      await well('service', 'create', '--name', 'job', '--mode', 'replicated-job', '--replicas', '2', '--restart-condition', 'none', image, 'echo', 'done'),
    ).toContain('job complete');
    expect(await well('service', 'ls', '--filter', 'name=job')).toMatch(/replicated job +0\/2 \(2\/2 completed\)/);
    await well('service', 'rm', 'job');
  });

  test('logs, also those still to come', async () => {
    await well('service', 'create', '--name', 'talker', '--init', '--update-monitor', '500ms', image);
    await until(
      async () => (await well('service', 'logs', 'talker')).split('\n').length >= 3,
      20_000,
      () => 'no logs',
    );
    expect(await well('service', 'logs', '--tail', '1', 'talker')).toMatch(new RegExp(`^talker\\.1\\.\\w{12}@${host.name} +\\| tick$`));
    expect(await well('service', 'logs', '--raw', '--tail', '2', 'talker')).toBe('tick\ntick');
    expect(await well('service', 'logs', '-t', '--tail', '1', 'talker')).toMatch(/^\d{4}-\d\d-\d\dT\S+Z talker\.1/);
    const task = await well('service', 'ps', '-q', '--no-trunc', 'talker');
    expect(await well('service', 'logs', '--tail', '1', task)).toContain('tick');
    const following = await daemon.docker(['service', 'logs', '-f', '--tail', '0', 'talker'], { signalAfter: { ms: 2500, signal: 'SIGINT' } });
    expect(following.stdout.split('\n').length).toBeGreaterThan(3);
    await refused('no such task or service: nobody', 'service', 'logs', 'nobody');
  });

  test('what is the engine’s goes to the engine', async () => {
    const [id = ''] = (await well('ps', '-q', '--filter', 'name=talker')).split('\n');
    expect(await well('exec', id, 'echo', 'inside')).toBe('inside');
    const terminal = spawn('script', ['-qec', `docker exec -it ${id} tty`, '/dev/null'], { env: { ...process.env, ...daemon.environment } });
    let shown = '';
    terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await once(terminal, 'close');
    expect(shown).toContain('/dev/pts/0');
    expect((await docker('exec', id, 'sh', '-c', 'exit 7')).code).toBe(7);
    expect(await well('run', '--rm', image, 'echo', 'once')).toBe('once');
    expect((await daemon.docker(['run', '--rm', '-i', image, 'cat'], { input: 'typed' })).stdout).toBe('typed');
    expect(await well('images', '--format', '{{.Repository}}:{{.Tag}}')).toContain(image);
    expect(await well('logs', '--tail', '1', id)).toBe('tick');
    await refused(/nowhere/, 'run', '--rm', 'nowhere:1');
    const pull = await docker('pull', 'localhost:1/nowhere:1');
    expect([pull.code, pull.stderr]).toEqual([1, expect.stringContaining('connection refused')]);
  });

  test('a container that binds the engine’s socket drives the cluster, through a restart of the daemon too', async () => {
    const client = execFileSync('which', ['docker'], { encoding: 'utf8' }).trim();
    const libraries = spawnSync('ldd', [client], { encoding: 'utf8' }).stdout.match(/\/\S+/g) ?? [];
    loadImage(host.socket, 'shoal-client:1', { copies: [client, ...libraries], changes: [`ENV PATH=/bin:/usr/bin:${dirname(client)}`] });
    const bind = 'type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock';
    const script = 'while true; do docker service ls --format "{{.Name}} {{.Replicas}}"; sleep 0.5; done';
    const made = await docker(
      'service',
      'create',
      '--name',
      'driver',
      '--init',
      '--detach',
      '--no-resolve-image',
      '--mount',
      bind,
      'shoal-client:1',
      'sh',
      '-c',
      script,
    );
    expect([made.code, made.stdout + made.stderr]).toEqual([
      0,
      expect.stringContaining("service driver binds /var/run/docker.sock: it gets shoal's own socket"),
    ]);
    const seen = async (): Promise<number> =>
      (await docker('service', 'logs', '--raw', 'driver')).stdout.split('\n').filter((line) => line === 'driver 1/1').length;
    await until(
      async () => (await seen()) > 0,
      60_000,
      () => host.docker(['ps', '-a']),
    );
    const task = await well('service', 'ps', '-q', '--no-trunc', 'driver');
    await daemon.stop();
    await daemon.start();
    const before = await seen();
    await until(
      async () => (await seen()) > before,
      60_000,
      () => daemon.lastLog(),
    );
    expect(await well('service', 'ps', '-q', '--no-trunc', 'driver')).toBe(task);
  });

  test('what Traefik’s provider asks is answered through that socket', async () => {
    const door = join(daemon.runFolder, readdirSync(daemon.runFolder).find((name) => /^engine.*\.sock$/.test(name)) ?? '');
    // oxlint-disable-next-line no-explicit-any -- answers of many shapes
    const ask = async (path: string): Promise<any> => {
      const { code, stdout } = await runCommand('curl', ['-sf', '--unix-socket', door, `http://docker${path}`], {});
      expect([path, code]).toEqual([path, 0]);
      return stdout === 'OK' ? stdout : JSON.parse(stdout);
    };
    const filters = (wanted: object): string => encodeURIComponent(JSON.stringify(wanted));
    expect(await ask('/_ping')).toBe('OK');
    expect((await ask('/v1.24/version')).ApiVersion).toMatch(/^1\.\d+$/);
    const services = await ask('/v1.24/services');
    const driver = services.find(({ Spec }: { Spec: { Name: string } }) => Spec.Name === 'driver');
    expect(driver.Spec.Labels).toEqual({});
    const networks = await ask(`/v1.24/networks?filters=${filters({ scope: { swarm: true } })}`);
    expect(networks.map(({ Scope }: { Scope: string }) => Scope)).toEqual(networks.map(() => 'swarm'));
    for (const { NetworkID } of driver.Endpoint.VirtualIPs ?? []) expect(networks.map(({ Id }: { Id: string }) => Id)).toContain(NetworkID);
    const [task] = await ask(`/v1.24/tasks?filters=${filters({ 'desired-state': { running: true }, service: { [driver.ID]: true } })}`);
    expect(task).toMatchObject({ ServiceID: driver.ID, Status: { State: 'running', ContainerStatus: { ContainerID: expect.any(String) } } });
    expect((await ask(`/v1.24/nodes/${task.NodeID}`)).Status.Addr).toBe('127.0.0.1');
    await well('service', 'rm', 'driver');
  });

  test('events of both sides', async () => {
    const listening = daemon.docker(
      ['events', '--format', '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}', '--filter', 'type=service', '--filter', 'type=container'],
      { signalAfter: { ms: 6000, signal: 'SIGINT' } },
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await well('service', 'create', '--name', 'noted', '--init', '--detach', image);
    await until(
      async () => (await well('ps', '-q', '--filter', 'name=noted')) !== '',
      20_000,
      () => host.docker(['ps']),
    );
    await well('service', 'rm', 'noted', 'talker');
    const { stdout } = await listening;
    for (const line of ['service create noted', 'service remove noted']) expect(stdout).toContain(line);
    expect(stdout).toMatch(/^container start noted\.1\./m);
  });

  test('leaving', async () => {
    await refused('You are attempting to leave the swarm on a node that is participating as a manager.', 'swarm', 'leave');
    expect(await well('swarm', 'leave', '--force')).toBe('Node left the swarm.');
    expect(await well('info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('inactive');
  });
});

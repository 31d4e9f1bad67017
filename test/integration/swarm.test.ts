/** The reconciler beside a real Docker Swarm: what is committed comes to be there, what is not stays untouched. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endProcess, loadImage, startHost, until, whyNoHost } from '../support/machine.mjs';

type Host = Awaited<ReturnType<typeof startHost>>;

interface Listed {
  ID: string;
  Version: { Index: number };
  Spec: { Name: string };
  UpdateStatus?: { State: string };
}

const reason = whyNoHost() ?? (existsSync('.build/daemon.mjs') ? undefined : 'needs a build: npm run build');
/** What a swarm takes at most to do anything that is asked of it here. */
const limitMs = 90_000;
const testLimitMs = 300_000;

const site = `services:
  web:
    image: shoal-test:1
    networks: {front: {aliases: [www]}}
    ports: [{target: 80, published: 18080, mode: host}]
    configs: [{source: page, target: /www/index.html}]
    secrets: [password]
    environment: {A: "1", B: two}
    healthcheck: {test: [CMD, "true"], interval: 5s}
    stop_grace_period: 1s
    deploy: {update_config: {monitor: 500ms}, resources: {limits: {memory: 50M}}}
  side:
    image: shoal-test:1
    depends_on: [web]
    networks: [front]
    stop_grace_period: 1s
    volumes: [{type: tmpfs, target: /scratch, tmpfs: {size: 1000000}}]
    deploy: {replicas: 2, update_config: {monitor: 500ms}, placement: {constraints: [node.role == manager]}}
networks: {front: {driver_opts: {a: b}}}
configs: {page: {file: ./page.txt}}
secrets: {password: {file: ./password.txt}}
`;

const neighbour = `services:
  all: {image: "shoal-test:1", networks: [outside], stop_grace_period: 1s, deploy: {mode: global, update_config: {monitor: 500ms}}}
networks: {outside: {external: true, name: host}}
`;

describe.skipIf(reason !== undefined)(reason ? `the reconciler beside a Docker Swarm (skipped: ${reason})` : 'the reconciler beside a Docker Swarm', () => {
  let host: Host;
  let daemon: ChildProcess | undefined;
  const socket = (): string => join(host.folder, 'shoal.sock');
  const repository = (): string => join(host.folder, 'repository');

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, 'shoal-test:1');
    loadImage(host.socket, 'shoal-test:2', { files: { 'www/two.html': 'two\n' } });
    mkdirSync(repository());
    for (const args of [
      ['init', '-q', '-b', 'main'],
      ['config', 'user.email', 'test@example.org'],
      ['config', 'user.name', 'test'],
    ])
      git(...args);
  }, 120_000);

  afterAll(async () => {
    await endProcess(daemon?.pid);
    if (host) spawnSync('docker', ['-H', `unix://${host.socket}`, 'swarm', 'leave', '--force'], { stdio: 'ignore' });
    await host?.stop();
  }, 120_000);

  function daemonArguments(): string[] {
    return ['bin/shoal', 'daemon', '--target', 'docker', '--socket', socket(), '--state', join(host.folder, 'state'), '--engine', host.socket];
  }

  async function startDaemon(): Promise<void> {
    const log = openSync(join(host.folder, 'reconciler.log'), 'a');
    daemon = spawn(host.enter[0] ?? '', [...host.enter.slice(1), ...daemonArguments()], { stdio: ['ignore', log, log] });
    await until(async () => (await fetchJson(socket(), '/healthz').catch(() => undefined)) !== undefined, 20_000, daemonLog);
  }

  function daemonLog(): string {
    return readFileSync(join(host.folder, 'reconciler.log'), 'utf8');
  }

  function shoal(...args: string[]): { status: number | null; text: string } {
    const { status, stdout, stderr } = spawnSync('bin/shoal', ['-H', `unix://${socket()}`, ...args], { encoding: 'utf8' });
    return { status, text: stdout + stderr };
  }

  function git(...args: string[]): void {
    execFileSync('git', ['-C', repository(), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  function commit(files: Record<string, string>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(repository(), path, '..'), { recursive: true });
      writeFileSync(join(repository(), path), text);
    }
    git('add', '-A');
    git('commit', '-q', '-m', 'change');
  }

  /** Commits are noticed by themselves; this waits for a whole look. */
  function sync(): { status: number | null; text: string } {
    return shoal('repo', 'sync', 'lab');
  }

  function expectSynced(): void {
    const { status, text } = sync();
    expect(status, text).toBe(0);
  }

  /** A task that ended at first, as some do on a busy host, leaves its stack degraded for a while: that is the truth, and passes. */
  async function healthy(): Promise<void> {
    let last = '';
    await until(
      () => {
        const { status, text } = sync();
        last = text;
        return status === 0;
      },
      limitMs,
      () => `${last}\n${daemonLog()}`,
    );
  }

  /** Everything that has a version: name → index. */
  async function versions(): Promise<Record<string, number>> {
    const lists = await Promise.all(['services', 'secrets', 'configs'].map((kind) => fetchJson<Listed[]>(host.socket, `/v1.41/${kind}`)));
    return Object.fromEntries(lists.flat().map(({ Spec, Version }) => [Spec.Name, Version.Index]));
  }

  /** The engine writes versions of its own while something rolls. */
  async function calmVersions(): Promise<Record<string, number>> {
    const rolling = async () =>
      (await fetchJson<Listed[]>(host.socket, '/v1.41/services')).filter(({ UpdateStatus }) => /^(updating|rollback_started)$/.test(UpdateStatus?.State ?? ''));
    await until(async () => (await rolling()).length === 0, limitMs, daemonLog);
    return versions();
  }

  /** Tasks that run now, as "ID IMAGE"; none of a service that is not there. */
  async function running(service: string): Promise<string[]> {
    if ((await versions())[service] === undefined) return [];
    const query = encodeURIComponent(JSON.stringify({ service: [service], 'desired-state': ['running'] }));
    const tasks = await fetchJson<{ ID: string; Status: { State: string }; Spec: { ContainerSpec: { Image: string } } }[]>(
      host.socket,
      `/v1.41/tasks?filters=${query}`,
    );
    return tasks
      .filter(({ Status }) => Status.State === 'running')
      .map(({ ID, Spec }) => `${ID} ${Spec.ContainerSpec.Image}`)
      .toSorted();
  }

  test(
    'an engine that manages no swarm is refused in its own words',
    () => {
      const [command = '', ...args] = [...host.enter, ...daemonArguments()];
      const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr).toContain('This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.');
      host.docker(['swarm', 'init', '--advertise-addr', host.address]);
    },
    testLimitMs,
  );

  test(
    'stacks of a repository come to run in the swarm',
    async () => {
      await startDaemon();
      commit({ 'stacks/site/compose.yml': site, 'stacks/site/page.txt': 'one\n', 'stacks/site/password.txt': 'hush\n', 'stacks/next/compose.yml': neighbour });
      expect(shoal('repo', 'add', 'lab', repository(), '--path', 'stacks', '--trust', 'full', '--interval', '1h')).toMatchObject({ status: 0 });
      expectSynced();
      await until(
        async () => (await running('site_web')).length === 1 && (await running('site_side')).length === 2 && (await running('next_all')).length === 1,
        limitMs,
        daemonLog,
      );
      expect(shoal('stack', 'ls', '--format', '{{.Name}} {{.Services}}').text).toBe('next 1\nsite 2\n');
      const seen = execFileSync('docker', ['-H', `unix://${socket()}`, 'service', 'ls', '--format', '{{.Name}} {{.Replicas}}'], { encoding: 'utf8' });
      expect(seen.split('\n').filter(Boolean).toSorted()).toEqual(['next_all 1/1', 'site_side 2/2', 'site_web 1/1']);
      expect(host.run(['busybox', 'wget', '-qO-', `http://${host.address}:18080/`])).toBe('one\n');
    },
    testLimitMs,
  );

  test(
    'what is as wanted is never written, over ten looks and a restart of the daemon',
    async () => {
      await healthy();
      const before = await calmVersions();
      for (let count = 0; count < 10; count++) expectSynced();
      await endProcess(daemon?.pid);
      await startDaemon();
      const first = sync();
      expect(first.status, first.text).toBe(0);
      expect(first.text).toContain('lab');
      expect(await versions()).toEqual(before);
      expect(daemonLog()).not.toContain('drift reverted');
      expect(daemonLog(), 'the engine stored everything as it was asked').not.toContain('stored these fields');
    },
    testLimitMs,
  );

  test(
    'a new image rolls its service alone, new content those that use it, and the old content goes in the end',
    async () => {
      const before = await calmVersions();
      const side = await running('site_side');
      commit({ 'stacks/site/compose.yml': site.replace('image: shoal-test:1', 'image: shoal-test:2') });
      await until(async () => (await running('site_web')).some((task) => task.endsWith('shoal-test:2')), limitMs, daemonLog);
      const image = await calmVersions();
      expect({ ...image, site_web: 0 }).toEqual({ ...before, site_web: 0 });
      expect(image['site_web']).toBeGreaterThan(before['site_web'] ?? 0);
      commit({ 'stacks/site/page.txt': 'three\n' });
      const page = () =>
        spawnSync(host.enter[0] ?? '', [...host.enter.slice(1), 'busybox', 'wget', '-qO-', `http://${host.address}:18080/`], { encoding: 'utf8' }).stdout;
      await until(() => page() === 'three\n', limitMs, daemonLog);
      const content = await calmVersions();
      expect(await running('site_side')).toEqual(side);
      expect(content['site_side']).toBe(before['site_side']);
      commit({ 'stacks/site/page.txt': 'four\n' });
      await until(() => page() === 'four\n', limitMs, daemonLog);
      const names = Object.keys(await calmVersions()).filter((name) => name.startsWith('site_page'));
      expect(names, 'the page in force and the one before, for a rollback').toHaveLength(2);
    },
    testLimitMs,
  );

  test(
    'a change by hand is taken back at once',
    async () => {
      host.docker(['service', 'scale', '--detach', 'site_side=4']);
      await until(() => daemonLog().includes('drift reverted') && daemonLog().includes('site_side Mode.Replicated.Replicas: 4 → 2'), limitMs, daemonLog);
      host.docker(['service', 'rm', 'next_all']);
      await until(() => daemonLog().includes('changed by hand: next_all is missing'), limitMs, daemonLog);
      await until(async () => (await running('next_all')).length === 1, limitMs, daemonLog);
      await until(async () => (await running('site_side')).length === 2, limitMs, daemonLog);
    },
    testLimitMs,
  );

  test(
    'a stack in error is refused with its reason, and its neighbours stay as they are',
    async () => {
      const before = await calmVersions();
      commit({
        'stacks/bad/compose.yml': 'services: {x: {image: "shoal-test:1", portz: 3}}\n',
        'stacks/ours/compose.yml': 'services: {x: {image: "shoal-test:1", shm_size: 64m}}\n',
      });
      const { status, text } = sync();
      expect(status).toBe(1);
      expect(text).toContain('bad: stacks/bad/compose.yml:1:39: services.x.portz: unknown key portz (did you mean ports?)');
      expect(text).toContain('ours: stacks/ours/compose.yml:1:12: service ours_x: Docker Swarm cannot do this');
      expect(text).toContain('TaskTemplate.ContainerSpec.ShmSize');
      expect(await versions()).toEqual(before);
      git('rm', '-rqf', 'stacks/bad', 'stacks/ours');
      commit({});
      await healthy();
      expect(await versions()).toEqual(before);
    },
    testLimitMs,
  );

  test(
    'a spec that fails is rolled back once and not tried again',
    async () => {
      const failing = 'services: {r: {image: "shoal-test:1", stop_grace_period: 1s, deploy: {update_config: {monitor: 500ms, failure_action: rollback}}}}\n';
      commit({ 'stacks/roll/compose.yml': failing });
      await until(async () => (await running('roll_r')).length === 1, limitMs, daemonLog);
      // Only what was seen to be well is gone back to.
      await until(() => shoal('stack', 'history', 'roll', '--format', '{{.Outcome}}').text.includes('good'), limitMs, daemonLog);
      commit({ 'stacks/roll/compose.yml': failing.replace('shoal-test:1', 'missing:1') });
      const state = async () => (await fetchJson<Listed>(host.socket, '/v1.41/services/roll_r')).UpdateStatus?.State;
      const shown = () => shoal('stack', 'ls', '--format', '{{.Name}} {{.State}} {{.Message}}').text;
      await until(() => /^roll \S+ rolled back to revision 1 .*No such image: missing:1/m.test(shown()), limitMs, daemonLog);
      // The swarm may have begun to go back by itself; whoever was first, both come to an end.
      await until(async () => (await running('roll_r')).some((task) => task.endsWith('shoal-test:1')), limitMs, daemonLog);
      sync();
      await until(async () => !['updating', 'rollback_started'].includes((await state()) ?? ''), limitMs, daemonLog);
      const before = await versions();
      for (let count = 0; count < 3; count++) sync();
      expect(await versions()).toEqual(before);
      commit({ 'stacks/roll/compose.yml': failing.replace('shoal-test:1', 'shoal-test:2') });
      await until(async () => (await running('roll_r')).some((task) => task.endsWith('shoal-test:2')), limitMs, daemonLog);
    },
    testLimitMs,
  );

  test(
    'a folder that is gone takes its stack along, and the stack can come back at once',
    async () => {
      git('rm', '-rqf', 'stacks/roll', 'stacks/next');
      commit({});
      // Two of three stacks are more than a commit may take along before somebody has seen it.
      await until(() => shoal('repo', 'ls', '--format', '{{.State}}').text === 'held\n', limitMs, daemonLog);
      const head = execFileSync('git', ['-C', repository(), 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
      expect(shoal('repo', 'confirm', 'lab', '--commit', head)).toMatchObject({ status: 0 });
      await until(() => shoal('stack', 'ls', '--format', '{{.Name}}').text === 'site\n', limitMs, daemonLog);
      expect(Object.keys(await versions()).filter((name) => /^(roll|next)_/.test(name))).toEqual([]);
      commit({ 'stacks/roll/compose.yml': 'services: {r: {image: "shoal-test:1", stop_grace_period: 1s}}\n' });
      await until(async () => (await running('roll_r')).length === 1, limitMs, daemonLog);
    },
    testLimitMs,
  );

  test(
    'a deploy by hand waits and tells the truth',
    async () => {
      const file = join(host.folder, 'tool.yml');
      writeFileSync(file, 'services: {t: {image: "shoal-test:1", stop_grace_period: 1s, deploy: {update_config: {monitor: 500ms}}}}\n');
      expect(shoal('stack', 'deploy', '-c', file, 'tool')).toMatchObject({ status: 0 });
      expect(shoal('stack', 'deploy', '-c', file, 'tool').text).toContain('unchanged');
      writeFileSync(file, readFileSync(file, 'utf8').replace('shoal-test:1', 'missing:1'));
      const failed = shoal('stack', 'deploy', '-c', file, 'tool');
      expect(failed.status).toBe(4);
      expect(failed.text).toContain('No such image: missing:1');
      expect(shoal('stack', 'rm', 'tool')).toMatchObject({ status: 0 });
      expect(shoal('stack', 'ls', '--format', '{{.Name}}').text).toBe('roll\nsite\n');
    },
    testLimitMs,
  );

  test(
    'an engine that goes and comes back finds the reconciler ready',
    async () => {
      await host.stopEngine();
      const { status, text } = sync();
      expect(status).not.toBe(0);
      expect(text).toContain(`cannot reach the Docker Engine at unix://${host.socket}`);
      commit({ 'stacks/roll/compose.yml': 'services: {r: {image: "shoal-test:2", stop_grace_period: 1s}}\n' });
      await host.startEngine();
      await healthy();
      await until(async () => (await running('roll_r').catch(() => [])).some((task) => task.endsWith('shoal-test:2')), limitMs, daemonLog);
      await until(async () => (await running('site_side')).length === 2, limitMs, daemonLog);
      host.docker(['service', 'scale', '--detach', 'site_side=3']);
      await until(() => daemonLog().includes('site_side Mode.Replicated.Replicas: 3 → 2'), limitMs, daemonLog);
    },
    testLimitMs,
  );

  test(
    'a repository that is followed no longer leaves its stacks, or takes them along',
    async () => {
      expect(shoal('repo', 'rm', '--prune', 'lab')).toMatchObject({ status: 0 });
      expect(await versions()).toEqual({});
      expect(shoal('repo', 'ls', '--format', '{{.Name}}').text).toBe('');
      rmSync(repository(), { recursive: true });
    },
    testLimitMs,
  );
});

function fetchJson<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      response.on('end', () => (response.statusCode === 200 ? resolve((text === 'ok' ? text : JSON.parse(text)) as T) : reject(new Error(text))));
    });
    call.on('error', reject);
    call.end();
  });
}

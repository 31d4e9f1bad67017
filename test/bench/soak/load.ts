/** Load of all kinds on one daemon, each kind in a loop of its own until it is told to stop. */
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { integerBetween, type Random } from '#base/random';
import type { HostDaemon } from '#test/support/daemon';
import { GitRepository } from '#test/support/git-repository';
import type { Host } from '../../support/machine.mjs';
import { follow } from './followers.ts';
import { beHostile, pick } from './hostility.ts';
import { childrenOf, commandOf } from './meter.ts';
import { BrokenRepository, BrokenServer, goodStack } from './repositories.ts';

export const image = 'shoal-soak:1';
/** Speaks, and asks for names, without end. */
export const chatter = ['sh', '-c', 'n=0; while :; do n=$((n+1)); echo "line $n of $VERSION"; nslookup web >/dev/null 2>&1; sleep 0.3; done'];
export const deployed = ['red', 'green', 'blue'];
const engineEveryMs = [120_000, 240_000] as const;

export class Load {
  /** How often each kind of act was done. */
  readonly counts: Record<string, number> = {};
  readonly followed = { bytes: 0 };
  readonly #stopped = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #repository = new GitRepository();
  readonly #broken = Array.from({ length: 3 }, () => new BrokenRepository());
  readonly #server: BrokenServer;
  /** Acts on containers that the engine's own end interrupts. */
  #engineAway: Promise<void> | undefined;
  #version = 0;

  constructor(
    readonly host: Host,
    readonly daemon: HostDaemon,
    readonly pid: number,
    readonly random: Random,
  ) {
    this.#server = new BrokenServer(random);
  }

  async start(): Promise<void> {
    setMaxListeners(0, this.#stopped.signal);
    this.#commit();
    const { daemon } = this;
    await daemon.ask('repo', 'add', '--interval', '5s', 'good', this.#repository.folder);
    for (const [index, broken] of this.#broken.entries()) {
      broken.commit({ README: 'nothing' });
      await daemon.ask('repo', 'add', '--interval', '3s', `broken${index}`, broken.folder);
    }
    const port = await this.#server.listen(this.host.gateway);
    await daemon.ask('repo', 'add', '--interval', '5s', 'silent', `https://${this.host.gateway}:${port}/x.git`);
    this.#every('deploy', [1500, 4000], () => this.#deploy());
    this.#every('commit', [4000, 9000], async () => this.#commit());
    this.#every('worsen', [2000, 5000], async () => pick(this.#broken, this.random).worsen(this.random));
    this.#every('repo come and go', [8000, 20_000], () => this.#comeAndGo());
    for (let index = 0; index < 4; index++) this.#every('follow logs', [100, 1000], () => this.#followLogs());
    for (let index = 0; index < 3; index++) this.#every('follow events', [100, 1000], () => this.#follow('/events'));
    this.#every('follow own events', [100, 1000], () => this.#follow('/shoal/v1/events'));
    this.#every('hand change', [2000, 6000], () => this.#changeByHand());
    this.#every('exec', [3000, 8000], () => this.#exec());
    this.#every('kill git worker', [10_000, 30_000], async () => this.#killGitWorker());
    this.#every('kill engine', engineEveryMs, () => this.#killEngine());
    for (let index = 0; index < 2; index++) this.#every('hostile request', [50, 500], () => beHostile(daemon.socket, this.random));
    this.#every('replicas without number', [20_000, 60_000], () => this.#wantTooMany());
    this.#every('read', [200, 600], () => this.#read());
  }

  /** Resolves when nothing is done any more and the engine is there. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
    await this.#engineAway;
    this.#server.close();
  }

  remove(): void {
    for (const each of [this.#repository, ...this.#broken]) each.remove();
  }

  #every(what: string, [least, most]: readonly [number, number], act: () => Promise<void>): void {
    const { signal } = this.#stopped;
    const loop = async (): Promise<void> => {
      while (!signal.aborted) {
        await pause(integerBetween(this.random, least, most), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        // Many acts are meant to fail, or meet an engine that is away: what counts is what is so in the end.
        await act().catch(() => undefined);
        this.counts[what] = (this.counts[what] ?? 0) + 1;
      }
    };
    this.#loops.push(loop());
  }

  async #deploy(): Promise<void> {
    const { daemon, random } = this;
    const name = pick(deployed, random);
    const roll = integerBetween(random, 0, 9);
    this.#version += 1;
    if (roll < 3) await daemon.deploy(name, goodStack(image, this.#version, integerBetween(random, 1, 3)), ['--detach']);
    else if (roll === 3) await daemon.deploy(name, goodStack('shoal-soak-none:1', this.#version), ['--detach']);
    else if (roll === 4) await daemon.deploy(name, goodStack(image, this.#version).replace('init: true', 'command: ["false"]'), ['--detach']);
    else if (roll === 5) await daemon.run(['service', 'rollback', '--detach', `${name}_web`]);
    else if (roll === 6) await daemon.run(['stack', 'rm', name]);
    else if (roll === 7) await daemon.docker(['service', 'update', '-d', '--force', `${name}_web`]);
    // Somebody waits, and gives up.
    else if (roll === 8) await daemon.deploy(name, goodStack(image, this.#version), [], { signalAfter: { ms: 1500, signal: 'SIGINT' } });
    else await daemon.run(['service', 'scale', '--detach', `${name}_web=${integerBetween(random, 0, 4)}`]);
  }

  #commit(): void {
    const files = Object.fromEntries(['app', 'site'].map((name) => [`stacks/${name}/compose.yml`, goodStack(image, (this.#version += 1))]));
    this.#repository.commit(files);
  }

  async #comeAndGo(): Promise<void> {
    const { daemon, random } = this;
    const name = `guest${integerBetween(random, 0, 2)}`;
    const added = await daemon.run(['repo', 'add', '--path', 'none', name, pick([this.#repository, ...this.#broken], random).folder]);
    if (added.code !== 0) await daemon.run(['repo', 'rm', name]);
    else await daemon.run(['repo', 'sync', name]);
  }

  async #followLogs(): Promise<void> {
    const services = (await this.#get('/services')) as { ID: string }[];
    if (services.length > 0) await this.#follow(`/services/${pick(services, this.random).ID}/logs?stdout=1&stderr=1&follow=1&tail=100`);
  }

  #follow(path: string): Promise<void> {
    return follow(this.daemon.socket, path, this.random, this.followed);
  }

  async #changeByHand(): Promise<void> {
    const { host, random } = this;
    const ids = host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.task.id']).split('\n').filter(Boolean);
    if (ids.length === 0) return;
    const id = pick(ids, random);
    const kind = integerBetween(random, 0, 3);
    if (kind === 0) host.docker(['kill', id]);
    if (kind === 1) host.docker(['rm', '-f', id]);
    if (kind === 2) host.docker(['stop', '-t', '0', id]);
    const networks = host.docker(['inspect', '-f', '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}', id]).trim().split(' ');
    if (kind === 3) host.docker(['network', 'disconnect', '-f', pick(networks, random), id]);
  }

  /** More tasks than there are numbers, all of which fail; for half a minute. */
  async #wantTooMany(): Promise<void> {
    const { daemon, random } = this;
    const name = `countless${(this.#version += 1)}`;
    const program = random.next() < 0.5 ? ['shoal-soak-none:1'] : [image, 'false'];
    await daemon.docker(['service', 'create', '--detach', '--no-resolve-image', '--name', name, '--replicas', '18446744073709551615', ...program]);
    await pause(30_000, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    for (let tries = 0; tries < 10; tries++) {
      const removed = await daemon.docker(['service', 'rm', name]).catch(() => undefined);
      if (removed && (removed.code === 0 || removed.stderr.includes('not found'))) return;
      await pause(3000);
    }
  }

  /** A stream in both ways through the daemon to the engine, cut off in the middle at times. */
  async #exec(): Promise<void> {
    const id = this.host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.task.id']).split('\n')[0] ?? '';
    if (id === '') return;
    const child = spawn('docker', ['exec', '-i', id, 'cat'], { env: { ...process.env, ...this.daemon.environment }, stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.on('error', () => undefined).write('x'.repeat(100_000));
    await pause(integerBetween(this.random, 50, 1000));
    child.kill(this.random.next() < 0.5 ? 'SIGKILL' : 'SIGTERM');
  }

  #killGitWorker(): void {
    const workers = childrenOf(this.pid).filter((child) => commandOf(child).includes('git-worker'));
    if (workers.length > 0) process.kill(pick(workers, this.random), 'SIGKILL');
  }

  async #killEngine(): Promise<void> {
    this.#engineAway = this.host.crashEngine();
    await this.#engineAway;
  }

  async #read(): Promise<void> {
    await this.#get(
      pick(['/info', '/tasks', '/services?status=true', '/nodes', '/shoal/v1/stacks', '/shoal/v1/repositories', '/metrics', '/healthz'], this.random),
    );
  }

  #get(path: string): Promise<unknown> {
    return getText(this.daemon.socket, path).then((text) => (text.startsWith('[') || text.startsWith('{') ? (JSON.parse(text) as unknown) : text));
  }
}

/** The body of an answer; rejects when there is none within a minute. */
export function getText(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 60_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve(Buffer.concat(parts).toString()));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`${path} was not answered within a minute`)));
    call.on('error', reject);
    call.end();
  });
}

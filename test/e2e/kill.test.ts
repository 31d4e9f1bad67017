/**
 * kill -9 at random moments of a running series of deploys: what was acknowledged is there afterwards, and the containers follow.
 * SHOAL_KILL_ROUNDS=50 for the long run, SHOAL_SEED to see one again:
 * `SHOAL_KILL_ROUNDS=50 npx vitest run --config test/vitest.config.ts test/e2e/kill`
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { integerBetween, type Random, seededRandom } from '#base/random';
import { Asker } from '#test/support/asker';
import { HostDaemon } from '#test/support/daemon';
import { type Container, settled, snapshotOf, type Wanted } from '#test/support/fleet';
import { type Host, loadImage, startHost, stays, until, whyNoHost } from '../support/machine.mjs';

const reason = whyNoHost();
const rounds = Number(process.env['SHOAL_KILL_ROUNDS'] ?? 4);
const seed = Number(process.env['SHOAL_SEED'] ?? Date.now() % 1_000_000);
const image = 'shoal-kill-test:1';
/** Of the one whose look-ups must not notice anything. */
const steadyImage = 'shoal-kill-names:1';
const stacks = ['red', 'green', 'blue', 'grey'];
/** The longest a series of deploys runs before the daemon is killed. */
const longestSeriesMs = 2500;
const settleLimitMs = 60_000;

/** What a stack may be: its services with replicas and the value of VERSION. Several while an answer was lost. */
type StackState = Readonly<Record<string, { replicas: number; version: number }>>;

describe.skipIf(reason !== undefined)(reason ? `kill -9 (skipped: ${reason})` : `kill -9 (seed ${seed}, ${rounds} rounds)`, () => {
  let host: Host;
  let daemon: HostDaemon;
  const random = seededRandom(seed);
  const possible = new Map<string, StackState[]>(stacks.map((name) => [name, [{}]]));
  const touched = new Set<string>();
  let version = 0;
  let acknowledged = 0;
  let kept = 0;

  beforeAll(async () => {
    host = await startHost();
    for (const each of [image, steadyImage]) loadImage(host.socket, each, { command: stays });
    // Three deaths within a minute are what the series is about: it is not to end in safe mode.
    daemon = new HostDaemon(host, 'a', ['--safe-mode=false']);
    daemon.file('key.txt', 'key');
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  test(
    'nothing acknowledged is lost, nothing runs twice, what runs well runs on',
    async () => {
      const foreign = startForeign(host);
      const asker = await startAsker();
      for (let round = 1; round <= rounds; round += 1) {
        touched.clear();
        const { before, orphan } = await killedWhileBusy();
        const wanted = await readWanted();
        await settled(host, wanted, image, settleLimitMs).catch((error: unknown) => {
          throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${daemon.lastLog()}`);
        });
        await until(
          () => host.docker(['ps', '-aq', '--filter', `id=${orphan}`]) === '',
          20_000,
          () => `seed ${seed}, round ${round}: the container of a task that nobody knows stays\n${daemon.lastLog()}`,
        );
        const untouched = before.filter(({ stack }) => !touched.has(stack));
        const after = snapshotOf(host, image);
        expect(
          untouched.map(({ id }) => after.get(id)),
          `seed ${seed}, round ${round}: containers that nobody changed`,
        ).toEqual(untouched);
        kept += untouched.length;
      }
      expect(await asker.stop(), `seed ${seed}: look-ups that failed`).toEqual([]);
      expect(startForeign(host)).toEqual(foreign);
      process.stdout.write(
        `kill -9: seed ${seed}, ${rounds} kills, ${acknowledged} acknowledged changes, ${kept} containers kept, ${asker.asked} look-ups of which none failed\n`,
      );
    },
    60_000 + rounds * 40_000,
  );

  /** Somebody in a container who looks a name up all the while. */
  async function startAsker(): Promise<Asker> {
    const { code, stderr } = await daemon.deploy('steady', JSON.stringify({ services: { app: { image: steadyImage, init: true } } }));
    expect(code, stderr).toBe(0);
    const id = host.docker(['ps', '-q', '--filter', `ancestor=${steadyImage}`]).trim();
    return new Asker(['nsenter', '-t', host.docker(['inspect', '-f', '{{.State.Pid}}', id]).trim(), '-n'], 'app');
  }

  /** Runs a series until the kill, and starts the daemon again; returns the containers from before and an orphan made meanwhile. */
  async function killedWhileBusy(): Promise<{ before: Container[]; orphan: string }> {
    const before = [...snapshotOf(host, image).values()].filter(({ state }) => state === 'running');
    const quiet = integerBetween(random, 0, stacks.length - 1);
    const series = new AbortController();
    // One stack is left in peace: its containers must not notice.
    const busy = stacks.filter((_, index) => index !== quiet);
    const working = [runSeries(busy.slice(0, 2), series.signal), runSeries(busy.slice(2), series.signal)];
    await new Promise((resolve) => setTimeout(resolve, random.next() * longestSeriesMs));
    await daemon.kill();
    series.abort();
    await Promise.all(working);
    const node = before[0]?.node ?? '';
    const orphan =
      node === ''
        ? 'none'
        : // Its name is that of a task's container: by its labels alone it would be somebody's own.
          host
            .docker([
              'run',
              '-d',
              '--init',
              '--name',
              'stray.1.lost',
              '--label',
              `com.docker.swarm.node.id=${node}`,
              '--label',
              'com.docker.swarm.task.id=lost',
              image,
            ])
            .trim();
    await daemon.start();
    return { orphan, before };
  }

  async function runSeries(names: readonly string[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const name = names[integerBetween(random, 0, names.length - 1)] ?? '';
      touched.add(name);
      await change(name);
    }
  }

  async function change(name: string): Promise<void> {
    const options = possible.get(name) ?? [];
    const now = options[0] ?? {};
    const next = nextState(now, random, (version += 1));
    const { code, stderr } = await carryOut(name, now, next);
    if (code === 0) acknowledged += 1;
    else if (!/^Cannot connect|connection/i.test(stderr)) throw new Error(`${name} was refused: ${stderr}`);
    // Without an answer either may be true.
    possible.set(name, code === 0 ? [next] : [...options, next]);
  }

  async function carryOut(name: string, now: StackState, next: StackState): Promise<{ code: number | null; stderr: string }> {
    if (Object.keys(next).length === 0) return Object.keys(now).length === 0 ? { code: 0, stderr: '' } : daemon.run(['stack', 'rm', name]);
    const same = Object.keys(next).filter((service) => now[service] && now[service].version === next[service]?.version);
    const scaled = same.find((service) => now[service]?.replicas !== next[service]?.replicas) ?? same[0];
    if (scaled) return daemon.run(['service', 'scale', '--detach', `${name}_${scaled}=${next[scaled]?.replicas}`]);
    return daemon.deploy(name, composeOf(next), ['--detach']);
  }

  /** Each stack in the store is one that it may be; what is read is from then on what it is. */
  async function readWanted(): Promise<Wanted> {
    const services = (await daemon.ask('service', 'ls', '-q')).split('\n').filter(Boolean);
    const text = services.length > 0 ? await daemon.ask('service', 'inspect', ...services) : '[]';
    const found = JSON.parse(text) as {
      Spec: { Name: string; Mode: { Replicated: { Replicas: number } }; TaskTemplate: { ContainerSpec: { Env: string[] } } };
    }[];
    const wanted: Wanted = new Map();
    for (const name of stacks) {
      const state: Record<string, { replicas: number; version: number }> = {};
      for (const { Spec } of found.filter((service) => service.Spec.Name.startsWith(`${name}_`))) {
        const replicas = Spec.Mode.Replicated.Replicas;
        const env = Spec.TaskTemplate.ContainerSpec.Env[0] ?? '';
        state[Spec.Name.slice(name.length + 1)] = { replicas, version: Number(env.slice('VERSION='.length)) };
        wanted.set(Spec.Name, { replicas, env });
      }
      expect(possible.get(name), `seed ${seed}: what may be of stack ${name}`).toContainEqual(state);
      possible.set(name, [state]);
    }
    return wanted;
  }
});

function nextState(now: StackState, random: Random, version: number): StackState {
  const kind = integerBetween(random, 0, 9);
  const names = Object.keys(now);
  if (kind === 0 && names.length > 0) return {};
  const scaled = names[integerBetween(random, 0, Math.max(0, names.length - 1))];
  if (kind <= 3 && scaled !== undefined) return { ...now, [scaled]: { replicas: integerBetween(random, 0, 3), version: now[scaled]?.version ?? 0 } };
  const count = integerBetween(random, 1, 3);
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, { replicas: integerBetween(random, 0, 3), version }]));
}

function composeOf(state: StackState): string {
  const services = Object.entries(state).map(([name, { replicas, version }]) => ({
    [name]: {
      image,
      init: true,
      environment: { VERSION: String(version) },
      secrets: ['key'],
      deploy: { replicas, update_config: { parallelism: 0, monitor: '100ms' }, restart_policy: { delay: '1s' } },
    },
  }));
  return JSON.stringify({ services: Object.assign({}, ...services) as object, secrets: { key: { file: './key.txt' } } });
}

/** Containers of other people, one of them with Swarm's labels; starts them the first time. Returns what must not change. */
function startForeign(host: Host): string[] {
  const flags = {
    plain: [],
    swarm: ['--label', 'com.docker.swarm.task.id=x', '--label', 'com.docker.swarm.node.id=other', '--label', 'com.docker.swarm.service.id=y'],
  };
  return Object.entries(flags).map(([name, labels]) => {
    if (host.docker(['ps', '-aq', '--filter', `name=foreign-${name}`]) === '') host.docker(['run', '-d', '--name', `foreign-${name}`, ...labels, image]);
    return host.docker(['inspect', '-f', '{{.Id}} {{.State.StartedAt}} {{.State.Running}}', `foreign-${name}`]).trim();
  });
}

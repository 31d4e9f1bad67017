/** Random commits by a seed, while three managers, the leader among them, are killed at random: after each of them what runs is the last good version of each stack, and what nobody changed was not restarted. */
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { integerBetween, seededRandom, type Random } from '#base/random';
import { GitRepository } from '#test/support/git-repository';
import { HostCluster } from '../../support/host-cluster.ts';
import type { HostDaemon } from '../../support/daemon.ts';
import { stays, until, type Host } from '../../support/machine.mjs';
import { callSocket } from '../daemon.ts';
import type { Row } from '../figures.ts';
import { Commits, image, type Wanted } from './commits.ts';
import { Starts } from './starts.ts';

const names = ['red', 'green', 'blue', 'grey', 'pink', 'gold'];
/** On a machine with nothing else to do each takes seconds; what a busy one needs is no fault of the commit's. */
const [settleLimitMs, startLimitMs] = [300_000, 300_000];
const journalFile = '.test/gitops-chaos.log';

interface Running {
  id: string;
  version: number;
}

interface ShownRepository {
  Status: { State: string; Commit?: string; Message: string };
}

interface ShownStack {
  Name: string;
  Health?: { State: string };
}

const managers = 3;

export async function benchGitOpsChaos({ commits: count, seed }: { commits: number; seed: number }, say: (text: string) => void): Promise<Row[]> {
  mkdirSync('.test', { recursive: true });
  rmSync(journalFile, { force: true });
  const began = performance.now();
  const journal = (text: string): void => appendFileSync(journalFile, `${((performance.now() - began) / 1000).toFixed(2)} ${text}\n`);
  say(`  seed ${seed}, journal in ${journalFile}`);
  // The tasks are on a worker that nobody kills: what starts there anew was started anew by a manager's will.
  const cluster = await HostCluster.start(managers + 1, image, [...stays]);
  const repository = new GitRepository();
  let chaos: Chaos | undefined;
  try {
    await joined(cluster);
    chaos = new Chaos(cluster.daemons.slice(0, managers), hostOf(cluster), repository, seed, journal);
    await chaos.run(count);
    return chaos.rows(count, (performance.now() - began) / 1000);
  } finally {
    chaos?.stop();
    await cluster.end();
    repository.remove();
  }
}

function hostOf({ machines }: HostCluster): Host {
  const host = machines.hosts[managers];
  if (!host) throw new Error('no worker');
  return host;
}

async function joined({ daemons, machines, eventually }: HostCluster): Promise<void> {
  const [first, ...others] = daemons;
  if (!first) throw new Error('no hosts');
  const address = machines.hosts[0]?.address ?? '';
  await first.ask('swarm', 'init', '--advertise-addr', address);
  for (const [at, daemon] of others.entries()) {
    const token = await first.ask('swarm', 'join-token', '-q', at + 1 < managers ? 'manager' : 'worker');
    await daemon.ask('swarm', 'join', '--token', token, '--advertise-addr', machines.hosts[at + 1]?.address ?? '', `${address}:2377`);
  }
  const nodes = async (): Promise<{ ID: string; Spec: { Role: string }; Status: { State: string } }[]> =>
    (await callSocket(first.socket, 'GET', '/nodes', undefined)) as { ID: string; Spec: { Role: string }; Status: { State: string } }[];
  await eventually(async () => (await nodes()).filter(({ Status }) => Status.State === 'ready').length, managers + 1);
  for (const { ID, Spec } of await nodes()) if (Spec.Role === 'manager') await first.askDocker('node', 'update', '--availability', 'drain', ID);
}

class Chaos {
  readonly #commits: Commits;
  readonly #random: Random;
  readonly #wrong: string[] = [];
  #kills = 0;
  #leaders = 0;
  #settled = 0;
  #kept = 0;
  #restarts = 0;
  #twice = 0;
  #untouched = 0;
  readonly #starts: Starts;

  constructor(
    readonly daemons: readonly HostDaemon[],
    readonly host: Host,
    readonly repository: GitRepository,
    readonly seed: number,
    readonly journal: (text: string) => void,
  ) {
    const random = seededRandom(seed, 'commits');
    this.#commits = new Commits(repository, names, random);
    this.#random = random.split('kills');
    this.#starts = new Starts(host);
  }

  async run(count: number): Promise<void> {
    this.#commits.first();
    await this.#anybody().ask('repo', 'add', 'main', this.repository.folder, '--interval', '1s', '--rewrites', 'follow', '--deadline', '60s');
    await this.#settle();
    let before = this.#running();
    this.#commits.takeTouched();
    this.#starts.take();
    for (let made = 0; made < count; made++) {
      const what = made === count - 1 ? (this.#commits.last(), 'the last one is good') : this.#commits.next();
      this.journal(`commit ${this.#commits.head.slice(0, 12)} ${what}`);
      if (integerBetween(this.#random, 0, 2) === 0) await this.#kill();
      // What comes next may take over what is on its way; what fails is waited for: only then is known what is good.
      if (this.#commits.allGood && made < count - 1 && integerBetween(this.#random, 0, 3) === 0) {
        await pause(integerBetween(this.#random, 0, 1500));
        continue;
      }
      if (!(await this.#settle())) return;
      if (!this.#starts.whole) throw new Error('the listener of starts ended: what was counted says nothing');
      const after = this.#running();
      this.#compare(before, after, this.#commits.takeTouched());
      before = after;
    }
  }

  async #kill(): Promise<void> {
    await pause(integerBetween(this.#random, 0, 2000));
    // Half of the time whoever leads: it is he who does things.
    const leads = integerBetween(this.#random, 0, 1) === 0;
    const any = integerBetween(this.#random, 0, this.daemons.length - 1);
    const victim = (leads ? await this.#leader() : undefined) ?? this.daemons[any];
    if (!victim) return;
    this.journal(`kill -9 ${victim.name}${leads ? ', which leads' : ''}`);
    await victim.kill();
    this.#kills += 1;
    if (leads) this.#leaders += 1;
    await pause(integerBetween(this.#random, 0, 3000));
    const began = performance.now();
    await victim.start(startLimitMs);
    this.journal(`${victim.name} answers again after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }

  async #leader(): Promise<HostDaemon | undefined> {
    try {
      const nodes = (await this.#ask('/nodes')) as { ManagerStatus?: { Leader?: boolean; Addr: string } }[];
      const address = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader)?.ManagerStatus?.Addr ?? '';
      return this.daemons.find(({ host }) => address.startsWith(`${host.address}:`));
    } catch {
      return undefined;
    }
  }

  #anybody(): HostDaemon {
    const alive = this.daemons.find((daemon) => daemon.alive);
    if (!alive) throw new Error('no manager is alive');
    return alive;
  }

  #ask(path: string): Promise<unknown> {
    return callSocket(this.#anybody().socket, 'GET', path, undefined);
  }

  /** Waits until the commit is looked at, nothing is on its way, and what runs is what is wanted. */
  async #settle(): Promise<boolean> {
    const wanted = this.#commits.wanted();
    let differences: string[] = [];
    const settled = async (): Promise<boolean> => {
      differences = await this.#differences(wanted);
      return differences.length === 0;
    };
    const good = await until(settled, settleLimitMs, () => '').then(
      () => true,
      () => false,
    );
    if (!good) {
      this.journal(`WRONG ${differences.join('; ')}\n${this.daemons.map((daemon) => daemon.lastLog()).join('\n---\n')}`);
      this.#wrong.push(...differences);
    } else {
      this.#settled += 1;
      this.#commits.settled(new Map([...this.#running()].flatMap(([name, own]) => (own[0] ? [[name, own[0].version] as const] : []))));
    }
    return good;
  }

  async #differences(wanted: Wanted): Promise<string[]> {
    const ask = (path: string): Promise<unknown> => this.#ask(path);
    try {
      const { Status } = (await ask('/shoal/v1/repositories/main')) as ShownRepository;
      if (Status.Commit !== this.#commits.head) return [`commit ${String(Status.Commit)} is followed and not ${this.#commits.head}: ${Status.Message}`];
      const stacks = (await ask('/shoal/v1/stacks')) as ShownStack[];
      const open = (await Promise.all(names.map((name) => ask(`/shoal/v1/stacks/${name}/revisions`)))) as { Outcome?: { State: string } }[][];
      const pending = names.filter((_, at) => open[at]?.some(({ Outcome }, index, all) => index === all.length - 1 && Outcome?.State === 'pending'));
      const running = this.#running();
      return [
        ...pending.map((name) => `${name} is not judged yet`),
        ...stacks.flatMap(({ Name, Health }) => (Health && Health.State !== 'healthy' ? [`${Name} is ${Health.State}`] : [])),
        ...names.flatMap((name) => {
          const own = running.get(name) ?? [];
          const right = own.length === 1 && wanted.get(name)?.includes(own[0]?.version ?? 0) === true;
          return right ? [] : [`${name} runs ${JSON.stringify(own.map(({ version }) => version))} and not ${wanted.get(name)?.join(' or ') ?? 'nothing'}`];
        }),
      ];
    } catch (error) {
      return [(error as Error).message];
    }
  }

  #running(): Map<string, Running[]> {
    const found = new Map<string, Running[]>();
    const format = '{{.ID}} {{.Label "com.docker.stack.namespace"}}';
    for (const line of this.host.docker(['ps', '--no-trunc', '--format', format]).split('\n').filter(Boolean)) {
      const [id = '', name = ''] = line.split(' ');
      try {
        const environment = this.host.docker(['inspect', '-f', '{{json .Config.Env}}', id]);
        const version = Number(/VERSION=(\d+)/.exec(environment)?.[1] ?? 0);
        if (name) found.set(name, [...(found.get(name) ?? []), { id, version }]);
      } catch {
        // It ends just now: the next look sees what is left.
        found.set(name, [...(found.get(name) ?? []), { id, version: -1 }]);
      }
    }
    return found;
  }

  /** What nobody changed is the same container; what was changed to one version came once. */
  #compare(before: ReadonlyMap<string, readonly Running[]>, after: ReadonlyMap<string, readonly Running[]>, touched: ReadonlyMap<string, number>): void {
    const starts = this.#starts.take();
    for (const name of names) {
      const [was, is] = [before.get(name)?.[0], after.get(name)?.[0]];
      const own = [...starts].filter(([key]) => key.startsWith(`${name} `));
      const commits = touched.get(name) ?? 0;
      if (commits === 0) {
        if (was?.id === is?.id) this.#kept += 1;
        else this.#note(`RESTARTED ${name}: nobody changed it`, () => (this.#restarts += 1));
        if (own.length > 0) this.#note(`STARTED ${name}, which nobody changed: ${JSON.stringify(own)}`, () => (this.#untouched += 1));
        continue;
      }
      // Each commit brings the version that is good at most once: by itself, or by going back to it.
      const count = starts.get(`${name} ${is?.version ?? 0}`) ?? 0;
      if (count > commits) this.#note(`TWICE ${name}: version ${is?.version ?? 0} started ${count} times for ${commits} commits`, () => (this.#twice += 1));
    }
  }

  #note(text: string, count: () => void): void {
    this.journal(text);
    count();
  }

  stop(): void {
    this.#starts.stop();
  }

  /** All starts were heard, and there were some. */
  get #heard(): boolean {
    return this.#starts.whole && this.#starts.all > 0;
  }

  rows(count: number, seconds: number): Row[] {
    return [
      {
        what: `${count} random commits (seed ${this.seed}), ${this.#kills} kills -9 among ${this.daemons.length} managers, ${this.#leaders} of whoever led, ${Math.round(seconds)} s`,
        figure: `${this.#settled} times compared`,
      },
      {
        what: 'what runs is the last good version of each stack',
        figure: this.#wrong.length === 0 ? 'each time' : this.#wrong.slice(0, 5).join('; '),
        target: 'each time',
        met: this.#wrong.length === 0,
      },
      { what: `restarts of stacks that nobody changed (${this.#kept} kept)`, figure: String(this.#restarts), target: '0', met: this.#restarts === 0 },
      { what: 'their containers started meanwhile', figure: String(this.#untouched), target: '0', met: this.#untouched === 0 && this.#heard },
      {
        what: `good versions started more often than they were asked for (${this.#starts.all} starts heard)`,
        figure: String(this.#twice),
        target: '0',
        met: this.#twice === 0 && this.#heard,
      },
    ];
  }
}

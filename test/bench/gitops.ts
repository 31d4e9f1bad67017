/** What following repositories costs: 500 stacks in one, of which a commit touches one; and ten repositories of 100 stacks that are looked at and idle. Processor time is that of this process and all that it starts. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { GitOps } from '#gitops/gitops';
import { instantly } from '#test/support/instant-services';
import { gitWorkerProgram } from '#test/support/git-worker-program';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';
import { median } from './figures.ts';

export interface GitOpsFigures {
  readonly stacks: number;
  readonly coldMs: number;
  readonly coldCpuMs: number;
  /** From the commit to the deployed stack. */
  readonly touchedMs: number;
  /** Of one commit with all that comes of it, its verdict too, without what is used while nothing happens. */
  readonly touchedCpuMs: number;
  /** The part of it until the stack is deployed. */
  readonly deployCpuMs: number;
  /** What is used while nothing happens, for as long as a commit is looked at. */
  readonly restCpuMs: number;
  readonly noOpMs: number;
  /** First sync of ten repositories of 100 stacks, and of one of 1,000: processor time. */
  readonly manyCpuMs: number;
  readonly wideCpuMs: number;
  /** Of one core, of ten idle repositories that are looked at every ten seconds: the median of some stretches, and the worst of them. */
  readonly idlePercent: number;
  readonly idleWorstPercent: number;
}

const largeStacks = 500;
const idleRepositories = 10;
const idleStacks = 100;
/** Stretches of two looks of each: in one of them the process may collect what was before. */
const [idleMs, idleStretches] = [20_000, 3];
/** What comes after a sync, such as verdicts, is no part of the next. */
const settlingMs = 6_000;
const restMs = 10_000;
/** Commits: the first ones find code that never ran. */
const rounds = 9;
/** A verdict comes half a second after the deploy, and what waits for one a little later. */
const verdictMs = 2_000;
const ticksPerSecond = 100;

/** Of stacks with four services and a config. */
export class Repository {
  readonly folder: string;

  readonly #more: string;

  /** `more`: of each service. */
  constructor(folder: string, stacks: number, more = '') {
    this.folder = folder;
    this.#more = more;
    for (let stack = 0; stack < stacks; stack++) this.write(stack, 1);
    this.git('init', '--quiet', '--initial-branch=main');
    this.commit();
  }

  write(stack: number, version: number): void {
    const place = join(this.folder, 'stacks', `${this.folder.split('/').at(-1)}-${stack}`);
    mkdirSync(place, { recursive: true });
    const services = [0, 1, 2, 3].map((each) => `  s${each}: { ${this.#more}image: "app:${version}", environment: { A: "1" }, configs: [page] }\n`);
    writeFileSync(join(place, 'compose.yml'), `version: "3.8"\nservices:\n${services.join('')}configs: { page: { file: page.html } }\n`);
    writeFileSync(join(place, 'page.html'), `page ${stack}`);
  }

  commit(): void {
    this.git('add', '.');
    this.git('commit', '--quiet', '-m', 'change');
  }

  git(...args: string[]): void {
    execFileSync('git', ['-C', this.folder, '-c', 'user.name=b', '-c', 'user.email=b@localhost', ...args]);
  }
}

/** Of a process, all below it that live, and all that has ended, in the time that the kernel counted. */
function cpuMs(pid = process.pid): number {
  const below = childrenOf(pid).reduce((sum, child) => sum + cpuMs(child), 0);
  return below + ticksMs(String(pid), [11, 12, 13, 14]);
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function ticksMs(pid: string, fields: readonly number[]): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const all = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (fields.reduce((sum, at) => sum + Number(all[at]), 0) * 1000) / ticksPerSecond;
  } catch {
    return 0;
  }
}

async function measured(work: () => Promise<unknown>): Promise<{ ms: number; cpu: number }> {
  const [start, cpu] = [performance.now(), cpuMs()];
  await work();
  return { ms: performance.now() - start, cpu: cpuMs() - cpu };
}

/** A cluster of its own, and who follows repositories into it. Nothing runs in it: who makes tasks here looks at all services for each entry. */
class Followed {
  readonly #cluster = initialisedCluster({ clock: realClock });
  readonly #gitops: GitOps;

  constructor(folder: string) {
    const places = { folder: join(folder, 'state'), run: join(folder, 'run'), program: gitWorkerProgram() };
    this.#gitops = new GitOps(places, { cluster: this.#cluster, clock: realClock, logger: silentLogger });
  }

  /** Their first sync. */
  async measured(folders: readonly string[], Interval: number): Promise<{ ms: number; cpu: number }> {
    await this.#gitops.start();
    return measured(async () => {
      const follow = (Name: string, URL: string) => this.#cluster.run(createRepository({ Name, URL, Branch: 'main', Path: 'stacks', Interval }));
      for (const [each, folder] of folders.entries()) follow(`r${each}`, folder);
      await Promise.all(folders.map((_, each) => this.#gitops.sync(`r${each}`)));
    });
  }

  stop(): Promise<void> {
    return this.#gitops.stop();
  }
}

export async function benchGitOps(): Promise<GitOpsFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  // Services run at once: what waits for tasks that never come is looked at again and again, and no cluster is idle then.
  const cluster = initialisedCluster({ clock: realClock, stages: [instantly] });
  const gitops = new GitOps(
    { folder: join(folder, 'state'), run: join(folder, 'run'), program: gitWorkerProgram() },
    { cluster, clock: realClock, logger: silentLogger },
  );
  const follow = (Name: string, URL: string, Interval: number) => cluster.run(createRepository({ Name, URL, Branch: 'main', Path: 'stacks', Interval }));
  try {
    await gitops.start();
    const large = new Repository(join(folder, 'large'), largeStacks);
    const cold = await measured(async () => {
      follow('large', large.folder, 3600 * second);
      await gitops.sync('large');
    });
    await pause(settlingMs);
    const restCpuMs = ((await measured(() => pause(restMs))).cpu / restMs) * verdictMs;
    const touched: { ms: number; deploy: number; whole: number }[] = [];
    const noOp: number[] = [];
    for (let round = 0; round < rounds; round++) {
      large.write(7, round + 2);
      // Its own git, and what starting it costs this process, are not the reconciler's.
      const committed = await measured(async () => large.commit());
      const deploy = await measured(() => gitops.sync('large'));
      const verdict = await measured(() => pause(verdictMs));
      touched.push({ ms: committed.ms + deploy.ms, deploy: deploy.cpu, whole: deploy.cpu + verdict.cpu - restCpuMs });
      noOp.push((await measured(() => gitops.sync('large'))).ms);
    }
    const wide = new Repository(join(folder, 'wide'), idleRepositories * idleStacks);
    const places = Array.from({ length: idleRepositories }, (_, each) => new Repository(join(folder, `idle${each}`), idleStacks).folder);
    await pause(settlingMs);
    // Each into a cluster that has nothing yet: what it costs grows with what is there.
    const first = new Followed(join(folder, 'first'));
    const one = await first.measured([wide.folder], 3600 * second);
    await first.stop();
    const ten = new Followed(join(folder, 'ten'));
    const many = await ten.measured(places, 3600 * second);
    await ten.stop();
    for (const [each, place] of places.entries()) follow(`idle${each}`, place, 10 * second);
    await Promise.all(places.map((_, each) => gitops.sync(`idle${each}`)));
    await pause(settlingMs);
    const idle: number[] = [];
    for (let stretch = 0; stretch < idleStretches; stretch++) {
      const { cpu, ms } = await measured(() => pause(idleMs));
      idle.push((cpu / ms) * 100);
    }
    return {
      stacks: largeStacks,
      coldMs: cold.ms,
      coldCpuMs: cold.cpu,
      touchedMs: median(touched.map(({ ms }) => ms)),
      touchedCpuMs: median(touched.map(({ whole }) => whole)),
      deployCpuMs: median(touched.map(({ deploy }) => deploy)),
      restCpuMs,
      noOpMs: median(noOp),
      manyCpuMs: many.cpu,
      wideCpuMs: one.cpu,
      idlePercent: median(idle),
      idleWorstPercent: Math.max(...idle),
    };
  } finally {
    await gitops.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A real Git repository in a folder of its own, and a GitOps that follows it into a cluster in memory. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Logger } from '#base/logger';
import { silentLogger } from './silent-logger.ts';
import { second } from '#base/text/duration';
import { nodesOf, stackHealth, type StackHealth } from '#control/stack/stack-health';
import { createRepository } from '#control/repository/repositories';
import { GitOps, type GitOpsOptions } from '#gitops/gitops';
import { foresee } from '#manager/foresight/foresee';
import type { RepositorySpec, RepositoryStatus } from '#model/object/repository';
import type { StackCondition } from '#model/object/stack';
import { gitWorkerProgram } from './git-worker-program.ts';
import { realClock } from './real-clock.ts';
import { initialisedCluster } from './memory-cluster.ts';

export const stackFile = (image = 'app:1', more = ''): string => `services:\n  web:\n    image: ${image}\n${more}`;

export class GitRepository {
  readonly folder: string;

  constructor(...init: string[]) {
    this.folder = join(mkdtempSync(join(tmpdir(), 'shoal-git-')), "it's a répo");
    mkdirSync(this.folder);
    this.git('init', '--quiet', '--initial-branch=main', ...init);
  }

  /** Runs git in the repository; standard output. */
  git(...args: string[]): string {
    const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
    const settings = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'safe.directory=*', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', [...settings, '-C', this.folder, ...args], { encoding: 'utf8', env, stdio: ['pipe', 'pipe', 'pipe'] }).trim();
  }

  /** Writes files (undefined: removes) by path and commits; the commit's id. */
  commit(files: Readonly<Record<string, string | undefined>>): string {
    for (const [path, text] of Object.entries(files)) {
      const full = join(this.folder, path);
      if (text === undefined) rmSync(full, { recursive: true });
      else {
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, text);
      }
    }
    this.git('add', '--all', '--force');
    this.git('commit', '--quiet', '--allow-empty', '-m', 'change');
    return this.git('rev-parse', 'HEAD');
  }

  /** Commits a tree that no checkout could make: `mode type oid\tpath` lines as in ls-tree, path quoted by NUL. */
  commitTree(entries: readonly { mode: string; path: string; text: string }[]): string {
    this.git('read-tree', '--empty');
    for (const { mode, path, text } of entries) {
      const oid = mode === '160000' ? text : this.hash(text);
      this.git('update-index', '--add', '--cacheinfo', `${mode},${oid},${path}`);
    }
    return this.moveMain(this.git('write-tree'));
  }

  /** Makes main a commit of `tree`. */
  moveMain(tree: string): string {
    const commit = this.git('commit-tree', tree, '-m', 'made');
    this.git('update-ref', 'refs/heads/main', commit);
    return commit;
  }

  hash(text: string): string {
    const file = join(this.folder, '..', 'blob');
    writeFileSync(file, text);
    return this.git('hash-object', '-w', '--', file);
  }

  remove(): void {
    rmSync(dirname(this.folder), { recursive: true, force: true });
  }
}

/** GitOps over a cluster in memory; everything it logs is kept. */
export class Following {
  readonly cluster;
  readonly logged: string[] = [];
  readonly state = mkdtempSync(join(tmpdir(), 'shoal-gitops-'));
  #gitops: GitOps;

  readonly #options: Partial<GitOpsOptions>;

  constructor(cluster = initialisedCluster({ clock: realClock }), options: Partial<GitOpsOptions> = {}) {
    this.cluster = cluster;
    this.#options = options;
    this.#gitops = this.#make();
  }

  #make(): GitOps {
    const keep = (facts: object, message: string): void => void this.logged.push(`${JSON.stringify(facts)} ${message}`);
    const logger: Logger = { ...silentLogger, info: keep, warn: keep, error: keep, child: () => logger };
    const places = { folder: join(this.state, 'repositories'), run: join(this.state, 'run'), program: gitWorkerProgram() };
    return new GitOps({ ...places, ...this.#options }, { cluster: this.cluster, clock: realClock, foresee, logger });
  }

  get gitops(): GitOps {
    return this.#gitops;
  }

  async start(): Promise<this> {
    await this.#gitops.start();
    return this;
  }

  /** `stop` and begin anew on what the cluster and the folder hold. */
  async restart(): Promise<void> {
    await this.#gitops.stop();
    this.#gitops = this.#make();
    await this.#gitops.start();
  }

  /** Follows with an interval that no test waits for, and looks once. */
  async add(URL: string, more: Partial<RepositorySpec> = {}): Promise<RepositoryStatus> {
    const Name = more.Name ?? 'infra';
    this.cluster.run(createRepository({ Name, URL, Branch: 'main', Path: 'stacks', Interval: 3600 * second, Rewrites: 'follow', ...more }));
    return this.sync(Name);
  }

  async sync(name = 'infra'): Promise<RepositoryStatus> {
    await this.#gitops.sync(name);
    return this.status(name);
  }

  status(name = 'infra'): RepositoryStatus {
    const repository = this.cluster.store.byName('repository', name);
    if (!repository) throw new Error(`no repository ${name}`);
    return repository.Status;
  }

  condition(name: string): StackCondition | undefined {
    return this.cluster.store.byName('stack', name)?.Condition;
  }

  health(name: string): StackHealth | undefined {
    const { store } = this.cluster;
    const stack = store.byName('stack', name);
    return stack && stackHealth(store, stack, nodesOf(store), realClock.now());
  }

  stacks(): string[] {
    return [...this.cluster.store.list('stack')].map((stack) => stack.Spec.Name).toSorted();
  }

  image(service: string): string | undefined {
    return this.cluster.store.byName('service', service)?.Spec.TaskTemplate.ContainerSpec?.Image;
  }

  /** `action name: message` of everything that happened. */
  told(): string[] {
    return this.#gitops.events.recent().map(({ action, name, message }) => `${action} ${name}: ${message}`);
  }

  async stop(): Promise<void> {
    await this.#gitops.stop();
    rmSync(this.state, { recursive: true, force: true });
  }
}

/** Waits until `condition` holds; answers how many ms that took. */
export async function within(limitMs: number, condition: () => boolean, explain: () => string): Promise<number> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > limitMs) throw new Error(`not within ${limitMs} ms: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - start;
}

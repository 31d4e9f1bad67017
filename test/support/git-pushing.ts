/** Somebody who pushes with real git, through the daemon's HTTP door and API, to a repository that a cluster in memory holds. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { LeaderLine } from '#api/dependencies';
import { HttpDoor } from '#api/door/http-door';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { createToken } from '#control/repository/tokens';
import { socketEndpoint } from '#http/endpoint';
import type { RepositorySpec, RepositoryToken } from '#model/object/repository';
import { bringGit, bringPlan, bringVerdict } from '#node/webhooks/git-way';
import { startApi, type ApiFixture } from './api-fixture.ts';
import { duplexPair } from './duplex-pair.ts';
import { Following, GitRepository } from './git-repository.ts';
import { instantly } from './instant-services.ts';
import { initialisedCluster } from './memory-cluster.ts';
import { realClock } from './real-clock.ts';
import { silentLogger } from './silent-logger.ts';

export interface Pushed {
  code: number;
  /** What the pusher's terminal shows, without `remote: `, blanks at the ends and the address. */
  shown: string;
  /** The lines that the cluster said. */
  remote: string[];
}

export class Pushing {
  readonly repository = new GitRepository();
  readonly following = new Following(initialisedCluster({ clock: realClock, stages: [instantly] }));
  #api: ApiFixture | undefined;
  #follower: ApiFixture | undefined;
  /** Between the two, while one is asked by the other. */
  readonly #ways = new Set<Duplex>();
  #door: HttpDoor | undefined;
  #port = 0;

  /** `follower`: who pushes comes to a manager that does not lead. */
  async start({ follower = false } = {}): Promise<this> {
    const { cluster } = this.following;
    await this.following.start();
    this.#api = await startApi({
      cluster,
      git: (name, asked, response) => this.following.gitops.git(name, asked, response),
      planCommit: (name, ref) => this.following.gitops.planCommit(name, ref),
    });
    if (follower) this.#follower = await startApi({ cluster, leader: this.#lineToLeader() });
    const own = socketEndpoint((this.#follower ?? this.#api).socketPath);
    this.#door = new HttpDoor(
      { host: '127.0.0.1', port: 0 },
      {
        secretOf: async () => undefined,
        look: async () => undefined,
        repository: async (name) => cluster.store.byName('repository', name),
        git: (asked, response) => bringGit(own, asked, response),
        plan: (asked, response) => bringPlan(own, asked, response),
        verdict: (asked, response) => bringVerdict(own, asked, response),
        clock: realClock,
        logger: silentLogger,
      },
    );
    this.#port = (await this.#door.start()).port;
    return this;
  }

  #lineToLeader(): LeaderLine {
    const open = (): Duplex => {
      const [near, far] = duplexPair();
      for (const end of [near, far]) {
        this.#ways.add(end);
        end.on('error', () => {}).once('close', () => this.#ways.delete(end));
      }
      this.#api?.connected(far);
      return near;
    };
    const view = () => this.following.cluster.store;
    return { alone: () => false, leads: () => false, open, lost: () => undefined, view, standing: () => undefined, checkRemoval: () => undefined };
  }

  /** The leader dies, in the middle of whatever it does; another one has the store, and leads. */
  async changeLeader(): Promise<void> {
    for (const way of this.#ways) way.destroy();
    await this.following.restart();
  }

  /** Its daemon stops. */
  async closeDoor(): Promise<void> {
    await this.#door?.stop();
  }

  /** Makes the repository in the cluster. */
  create(more: Partial<RepositorySpec> = {}): void {
    this.following.cluster.run(createRepository({ Name: 'infra', URL: '', Hosted: true, Branch: 'main', Path: 'stacks', Interval: 3600 * second, ...more }));
  }

  /** A token of that role. */
  token(role: RepositoryToken['Role'], secret = `shoal_${role}`): string {
    const digest = createHash('sha256').update(secret).digest('hex');
    this.following.cluster.run(createToken('infra', { role, note: 'a test', digest }));
    return secret;
  }

  get door(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  url(secret: string, name = 'infra'): string {
    return `http://me:${secret}@127.0.0.1:${this.#port}/git/${name}`;
  }

  push(secret: string, ...what: string[]): Promise<Pushed> {
    return this.git('push', this.url(secret), ...(what.length > 0 ? what : ['main']));
  }

  /** Git beside this process, which answers it. */
  git(...args: string[]): Promise<Pushed> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' };
    const settings = ['-c', 'safe.directory=*', '-c', 'user.name=t', '-c', 'user.email=t@localhost', '-C', this.repository.folder];
    return new Promise((resolve) => {
      execFile('git', [...settings, ...args], { env, timeout: 60_000, encoding: 'utf8' }, (error, stdout, stderr) => {
        const shown = `${stdout}${stderr}`.replaceAll(/https?:\/\/[^\s']*/g, 'URL');
        const remote = shown.split('\n').flatMap((line) => (line.startsWith('remote: ') ? [line.slice('remote: '.length).trimEnd()] : []));
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), shown, remote });
      });
    });
  }

  async stop(): Promise<void> {
    await this.closeDoor();
    await this.#follower?.stop();
    await this.#api?.stop();
    await this.following.stop();
    this.repository.remove();
  }
}

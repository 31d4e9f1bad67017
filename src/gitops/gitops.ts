/** Keeps one follower for each repository of the cluster, and tells them of changes to their stacks. */
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import type { Clock } from '#base/clock';
import { equal } from '#base/equal';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { recordInventories, type Adopter } from '#control/stack/stack-states';
import { namespaceLabel } from '#model/meta';
import type { Service } from '#model/service';
import type { RepositorySpec } from '#model/repository';
import { planAdoption } from '#reconciler/plan';
import type { WaitingChanges } from './carry-out.ts';
import { ReconcileEvents } from './events.ts';
import { Follower } from './follower.ts';
import { HealthTeller } from './health-teller.ts';
import { writeHome } from './git.ts';

export interface GitOpsOptions {
  /** For mirrors; holds nothing that cannot be fetched again. */
  folder: string;
}

export interface GitOpsParts {
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
}

type StoreEvents = Parameters<Parameters<Cluster['watch']>[0]>[0];

export class GitOps {
  readonly events = new ReconcileEvents();
  readonly #options: GitOpsOptions;
  readonly #parts: GitOpsParts;
  readonly #followers = new Map<string, { spec: RepositorySpec; follower: Follower }>();
  readonly #health: HealthTeller;
  #unwatch: () => void = () => {};

  constructor(options: GitOpsOptions, parts: GitOpsParts) {
    this.#options = options;
    this.#parts = parts;
    this.#health = new HealthTeller({ ...parts, events: this.events });
  }

  async start(): Promise<void> {
    writeHome(join(this.#options.folder, 'home'));
    await this.#parts.cluster.submit(recordInventories());
    const view = await this.#parts.cluster.read();
    this.#unwatch = this.#parts.cluster.watch((events) => this.#heard(events));
    this.#health.notice();
    for (const repository of view.list('repository')) this.#follow(repository.ID, repository.Spec);
  }

  async stop(): Promise<void> {
    this.#unwatch();
    this.#health.stop();
    await Promise.all([...this.#followers.values()].map(({ follower }) => follower.stop()));
    this.#followers.clear();
  }

  /** One whole reconcile of the repository; resolves when its status is stored. */
  async sync(name: string): Promise<void> {
    const entry = [...this.#followers.values()].find(({ spec }) => spec.Name === name);
    if (!entry) throw new Refusal('notFound', `repository ${name} not found`);
    await entry.follower.sync();
  }

  /** What is not written of a stack because it, or its repository, is suspended. */
  waiting(stack: string): WaitingChanges | undefined {
    for (const { follower } of this.#followers.values()) {
      const changes = follower.waiting.get(stack);
      if (changes) return changes;
    }
    return undefined;
  }

  /** What would change if the repository got the stack, a line each. */
  async adoption(stack: string, adopter: Adopter): Promise<readonly string[]> {
    const entry = [...this.#followers.values()].find(({ spec }) => spec.Name === adopter.Repository);
    const rendered = entry?.follower.rendered(stack);
    if (!rendered) throw new Refusal('notFound', `repository ${adopter.Repository} has no stack ${stack}`);
    return planAdoption(await this.#parts.cluster.read(), adopter, rendered, this.#parts.clock.now());
  }

  #heard(events: StoreEvents): void {
    if (events.some(({ kind }) => kind === 'task' || kind === 'service' || kind === 'node')) this.#health.notice();
    for (const event of events) {
      if (event.kind === 'repository') {
        if (event.object) this.#follow(event.id, event.object.Spec);
        else this.#forget(event.id);
      }
      if (stackOf(event) !== undefined || isWord(event)) for (const { follower } of this.#followers.values()) follower.noticeDrift();
    }
  }

  #follow(id: string, spec: RepositorySpec): void {
    const known = this.#followers.get(id);
    if (known && equal(known.spec, spec)) return;
    if (known) void known.follower.stop();
    const follower = new Follower(spec, {
      ...this.#parts,
      logger: this.#parts.logger.child({ repository: spec.Name }),
      events: this.events,
      folder: join(this.#options.folder, id),
      home: join(this.#options.folder, 'home'),
    });
    this.#followers.set(id, { spec, follower });
    follower.start();
  }

  #forget(id: string): void {
    const known = this.#followers.get(id);
    if (!known) return;
    this.#followers.delete(id);
    void known.follower.stop().then(() => rmSync(join(this.#options.folder, id), { recursive: true, force: true }));
  }
}

/** Somebody said that a stack or a repository may go on, or may not. */
function isWord(event: StoreEvents[number]): boolean {
  if (event.kind !== 'stack' && event.kind !== 'repository') return false;
  const { object, previous } = event;
  return (
    object !== undefined &&
    previous !== undefined &&
    !(equal(object.Suspended, previous.Suspended) && (object.Confirmed === undefined || equal(object.Confirmed, previous.Confirmed)))
  );
}

function turnOf(object: object): string | undefined {
  return 'UpdateStatus' in object ? (object as Service).UpdateStatus?.State : undefined;
}

/** The stack whose spec an event touches, or whose rollout takes a turn; its progress from task to task is none of a repository's business. */
function stackOf(event: StoreEvents[number]): string | undefined {
  if (event.kind !== 'service' && event.kind !== 'network' && event.kind !== 'secret' && event.kind !== 'config') return undefined;
  const spec = event.object?.Spec ?? event.previous?.Spec;
  if (event.object && event.previous && equal(event.object.Spec, event.previous.Spec) && turnOf(event.object) === turnOf(event.previous)) return undefined;
  return spec?.Labels?.[namespaceLabel];
}

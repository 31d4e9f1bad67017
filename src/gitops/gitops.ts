/** Keeps one follower for each repository of the cluster, and tells them of changes to their stacks. */
import type { ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { readdir, rm } from 'node:fs/promises';
import type { Clock } from '#base/clock';
import { equal } from '#base/equal';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { findObject } from '#control/find';
import { checkTracked } from '#control/repository/repository-place';
import { withLoginApart } from '#control/repository/repository-login';
import type { AskRegistries } from '#control/stack/image-digests';
import { recordInventories, type Adopter } from '#control/stack/stack-states';
import type { Deed } from '#model/git/deed';
import type { GitRequest } from '#model/git/git-request';
import type { CommitList } from '#model/git/notify';
import type { Stack } from '#model/object/stack';
import type { RepositorySpec } from '#model/object/repository';
import type { RepositoryPlan } from '#model/difference/stack-plan';
import type { RenderedStack } from '#reconciler/rendered';
import { planAdoption } from '#reconciler/plan';
import { SettledStacks } from '#reconciler/settled';
import { commitActions, planCommit, planDeclared } from '#reconciler/repository-plan';
import type { SeenCommit, WaitingChanges } from './apply/carry-out.ts';
import { Rehearsal } from './apply/rehearsal.ts';
import { isNewForForges, isWord, stackOf, verdictOf } from './apply/touched.ts';
import { ClusterKey } from './cluster-key.ts';
import { ReconcileEvents } from './events.ts';
import { Follower } from './follower.ts';
import { GitWorkers } from './git-workers.ts';
import { Hosted } from './hosted/hosted.ts';
import { serveGit } from './hosted/receiver.ts';
import { HealthTeller } from './health-teller.ts';
import { decided, deployPlanner, played, type Foresee } from './plan.ts';
import { RevisionJudge } from './revision-judge.ts';
import type { CommitRange, GitTimeouts, MirrorPlace } from './protocol.ts';
import { askedBounds, followedBounds, HeldBytes, type HeldPart } from './shares/held-bytes.ts';
import { Houses } from './shares/houses.ts';
import { MirrorShares, type HouseOf } from './shares/mirror-shares.ts';
import { Commenter } from './tell/commenter.ts';
import { Teller } from './tell/teller.ts';
import { writeHome } from './worker/git-environment.ts';
import { peekFolder } from './worker/mirror-files.ts';

export interface GitOpsOptions {
  /** For mirrors; holds nothing that cannot be fetched again. */
  folder: string;
  /** In memory: for credentials while git uses them. */
  run: string;
  /** The worker processes' own program. */
  program: string;
  /** Most bytes of one mirror; absent: 1 GiB. */
  quotaBytes?: number;
  timeouts?: GitTimeouts;
}

/** Beside the mirrors. */
const homeName = 'home';
/** Whoever is told of a commit hears of it without what came with it, where that takes longer. */
const listMs = 10_000;
const usualQuotaBytes = 1024 * 1024 * 1024;
const usualTimeouts: GitTimeouts = { silenceMs: 60_000, totalMs: 30 * 60_000 };

export interface GitOpsParts {
  cluster: Cluster;
  /** What is behind images' tags; absent: they are taken as written. */
  registries?: { ask: AskRegistries };
  clock: Clock;
  /** Absent where tasks are somebody else's: no rollout can be played forward. */
  foresee?: Foresee;
  meter?: Meter;
  logger: Logger;
}

type StoreEvents = Parameters<Parameters<Cluster['watch']>[0]>[0];
type StackEvent = StoreEvents[number] & { kind: 'stack' };

export class GitOps {
  readonly events: ReconcileEvents;
  /** What a deploy by hand would change. */
  readonly plan: ReturnType<typeof deployPlanner>;
  readonly #options: GitOpsOptions;
  readonly #parts: GitOpsParts;
  readonly #workers: GitWorkers;
  readonly #hosted: Hosted;
  readonly #houses = new Houses();
  readonly #held = { followed: new HeldBytes(followedBounds()), asked: new HeldBytes(askedBounds()) };
  readonly #shares: MirrorShares;
  readonly #rehearsal: Rehearsal;
  readonly #key: ClusterKey;
  readonly #followers = new Map<string, { spec: RepositorySpec; follower: Follower }>();
  /** Stack → its repository: only that one wakes when the stack changes. */
  readonly #owners = new Map<string, string>();
  /** Stacks that lately were a repository's → that repository. */
  readonly #released = new Map<string, string>();
  readonly #health: HealthTeller;
  readonly #judge: RevisionJudge;
  readonly #teller: Teller;
  readonly #commenter: Commenter;
  #unwatch: () => void = () => {};
  /** What came between two commits of the repository. */
  readonly commits = (name: string, range: CommitRange): Promise<CommitList> => this.#named(name).follower.commits(range, listMs);

  constructor(options: GitOpsOptions, parts: GitOpsParts) {
    this.#options = options;
    this.#parts = parts;
    this.events = new ReconcileEvents(parts);
    this.#rehearsal = new Rehearsal(parts);
    this.#key = new ClusterKey(parts);
    const { folder, program } = options;
    const houseOf = (mirror: string): ReturnType<HouseOf> => {
      const { name, ids } = this.#houses.with(basename(mirror));
      return { name, folders: ids.map((id) => join(folder, id)) };
    };
    this.#shares = new MirrorShares(houseOf);
    this.#workers = new GitWorkers(program, { shares: this.#shares });
    this.#hosted = new Hosted({ folder: options.folder, home: join(options.folder, homeName) }, parts);
    this.plan = deployPlanner(parts.cluster, parts.clock, parts.foresee);
    this.#health = new HealthTeller({ ...parts, events: this.events });
    this.#judge = new RevisionJudge({ ...parts, events: this.events });
    this.#teller = new Teller({ ...parts, commits: this.commits });
    this.#commenter = new Commenter({ ...parts, commits: this.commits, plan: (repository, ref) => this.planCommit(repository, ref, false) });
  }

  async start(): Promise<void> {
    try {
      writeHome(join(this.#options.folder, homeName));
      this.#hosted.start();
    } catch (error) {
      // A full disk passes: whoever leads waits for room.
      throw new Refusal('unavailable', `the folder of repositories cannot be written: ${(error as Error).message}`);
    }
    await this.#parts.cluster.submit(recordInventories());
    await this.#key.give();
    const before = await this.#parts.cluster.read();
    await this.#removeLeftMirrors(new Set([...before.list('repository')].map(({ ID }) => ID)));
    const view = await this.#parts.cluster.read();
    for (const stack of view.list('stack')) this.#note(stack);
    this.#unwatch = this.#parts.cluster.watch((events) => this.#heard(events));
    this.#key.notice();
    this.#health.notice();
    this.#judge.notice();
    this.#teller.notice();
    this.#commenter.notice();
    for (const { Spec } of view.list('repository')) {
      if (Spec.Trust !== undefined) continue;
      const words = 'it was added before repositories were limited and keeps full trust; `shoal repo update NAME --trust limited` ends that';
      this.#parts.logger.warn({ repository: Spec.Name }, words);
    }
    for (const repository of view.list('repository')) this.#houses.note(repository);
    for (const repository of view.list('repository')) this.#follow(repository.ID, repository.Spec);
  }

  async stop(): Promise<void> {
    this.#unwatch();
    this.#key.stop();
    this.#health.stop();
    const talks = [this.#judge.stop(), this.#teller.stop(), this.#commenter.stop()];
    const stops = [...this.#followers.values()].map(({ follower }) => follower.stop());
    // A render does not wait to be asked.
    this.#workers.stop();
    this.#hosted.stop();
    await Promise.all([...stops, ...talks]);
    this.#followers.clear();
  }

  /** One whole reconcile of the repository; resolves when its status is stored. `renews`: with the newest values of its vault. */
  async sync(name: string, renews = false): Promise<void> {
    this.#commenter.notice();
    await this.#named(name).follower.lookNow(renews);
  }

  /** What a commit of the repository would do: that which `ref` leads to; absent: the one that would be followed now. `plays`: also how its rollout would go. */
  async planCommit(name: string, ref: string | undefined, plays = true): Promise<RepositoryPlan> {
    const entry = this.#named(name);
    if (ref !== undefined) checkTracked(ref, undefined);
    return entry.follower.peek(ref, (seen) => this.#planned(entry.spec, seen, plays));
  }

  async #planned(spec: RepositorySpec, { commit, stacks, missing, declared }: SeenCommit, plays: boolean): Promise<RepositoryPlan> {
    const options = {
      now: this.#parts.clock.now(),
      commit,
      keeps: declared.KeepsStacks === true,
      grace: declared.Grace,
      // Planned once more for its rollout, and again where the cluster moves meanwhile: only what moved is compared.
      settled: new SettledStacks(),
      ...(missing !== undefined && { missing }),
    };
    const { foresee, cluster, clock } = this.#parts;
    const plan = await decided({ cluster, clock }, (now) => planCommit(now, spec.Name, stacks, options));
    const view = await cluster.read();
    const known = view.byName('repository', spec.Name);
    const rollout = foresee && plays && (await played({ cluster, clock, foresee }, (now) => commitActions(now, spec.Name, stacks, options)));
    return { ...plan, ...(rollout && { rollout }), ...(known && planDeclared(view, known.ID, { commit, stacks, declared }, options.now)) };
  }

  #named(name: string): { spec: RepositorySpec; follower: Follower } {
    const entry = [...this.#followers.values()].find(({ spec }) => spec.Name === name);
    if (!entry) throw new Refusal('notFound', `repository ${name} not found`);
    return entry;
  }

  /** Has git answer a request for a repository that the cluster holds; resolves when the answer is out. */
  async git(name: string, asked: GitRequest, response: ServerResponse): Promise<void> {
    const repository = findObject(await this.#parts.cluster.read(), 'repository', name);
    if (!repository.Spec.Hosted) throw new Refusal('failedPrecondition', `repository ${repository.Spec.Name} lies at ${repository.Spec.URL}: push there`);
    const { cluster, clock } = this.#parts;
    const valued = (stacks: readonly RenderedStack[]) => this.#named(repository.Spec.Name).follower.valued(stacks);
    const { run } = this.#options;
    const share = (): HeldPart => this.#named(repository.Spec.Name).follower.coming();
    const parts = { hosted: this.#hosted, workers: this.#workers, cluster, clock, run, sync: (each: string) => this.sync(each), valued, share };
    await serveGit(repository, asked, response, parts);
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
    const rendered = await entry?.follower.rendered(stack);
    if (!rendered) throw new Refusal('notFound', `repository ${adopter.Repository} has no stack ${stack}`);
    return planAdoption(await this.#parts.cluster.read(), adopter, rendered, this.#parts.clock.now());
  }

  #heard(events: StoreEvents): void {
    const touched = new Set<string>();
    const wakened = new Set<string | undefined>();
    const judged = new Set<string | undefined>();
    this.#health.heard(events);
    if (events.some(({ kind }) => kind === 'cluster')) this.#key.notice();
    if (events.some(({ kind }) => kind === 'task' || kind === 'service' || kind === 'revision' || kind === 'stack' || kind === 'repository'))
      this.#judge.notice();
    if (events.some(({ kind }) => kind === 'revision' || kind === 'stack' || kind === 'repository')) this.#teller.notice();
    for (const event of events) {
      if (event.kind === 'repository') {
        if (event.object) this.#houses.note(event.object);
        if (event.object) this.#follow(event.id, event.object.Spec);
        else this.#forget(event.id, event.previous?.Spec.Name ?? '');
      }
      if (event.kind === 'repository') this.#tellThaw(event);
      if (event.kind === 'repository' && isNewForForges(event)) this.#commenter.notice();
      if (event.kind === 'deed' && !event.object && event.previous) this.#keepEntry(event.previous);
      if (event.kind === 'stack') this.#noteRelease(event);
      const stack = stackOf(event);
      if (stack !== undefined) touched.add(stack);
      const verdict = verdictOf(event);
      if (verdict !== undefined) judged.add(this.#owners.get(verdict));
      if (event.kind === 'stack' && event.object) this.#note(event.object);
      if (event.kind === 'repository' && isWord(event)) wakened.add(event.object?.Spec.Name ?? '');
    }
    for (const stack of touched) wakened.add(this.#owners.get(stack));
    if (wakened.size + judged.size === 0) return;
    for (const { spec, follower } of this.#followers.values()) {
      if (wakened.has(spec.Name)) follower.noticeDrift();
      else if (judged.has(spec.Name)) follower.noticeVerdict();
    }
  }

  /** A stack's owner stays known when its record goes: it will want the stack back. */
  #note({ Spec, Source }: Stack): void {
    if (Source.Kind === 'repository') this.#owners.set(Spec.Name, Source.Repository);
    else this.#owners.delete(Spec.Name);
  }

  #follow(id: string, spec: RepositorySpec): void {
    const known = this.#followers.get(id);
    if (known && equal(known.spec, spec)) return;
    // Two must not work on one mirror.
    const before = known?.follower.stop();
    const follower = new Follower(spec, {
      ...this.#parts,
      ...(before && { before }),
      logger: this.#parts.logger.child({ repository: spec.Name }),
      events: this.events,
      workers: this.#workers,
      rehearsal: this.#rehearsal,
      place: this.#place(id, spec),
      shares: { followed: () => this.#part('followed', id, spec), asked: () => this.#part('asked', id, spec) },
      ...(spec.Hosted && { prepare: () => this.#hosted.ready(id) }),
    });
    this.#followers.set(id, { spec, follower });
    follower.start();
  }

  #part(what: 'followed' | 'asked', id: string, { Name }: RepositorySpec): HeldPart {
    return this.#held[what].part(this.#houses.of(id), Name);
  }

  #place(id: string, spec: RepositorySpec): MirrorPlace {
    // A record of before may hold a login inside its URL.
    const { URL, Branch, Credentials, Ref, SemVer, Signers } = withLoginApart(spec);
    const { folder, run, quotaBytes = usualQuotaBytes, timeouts = usualTimeouts } = this.#options;
    const url = spec.Hosted ? this.#hosted.folderOf(id) : URL;
    const place = { folder: join(folder, id), home: join(folder, homeName), run: join(run, 'git'), url, branch: Branch, quotaBytes, timeouts };
    const tracked = {
      ...(Ref !== undefined && { ref: Ref }),
      ...(SemVer !== undefined && { semver: SemVer }),
      ...(Signers !== undefined && { signers: Signers }),
    };
    return { ...place, ...tracked, ...(Credentials && { credentials: Credentials }) };
  }

  async #removeMirror(name: string): Promise<void> {
    await rm(join(this.#options.folder, name), { recursive: true, force: true }).catch(() => {});
  }

  /** Of repositories that went while nobody looked, and of work that broke off. */
  async #removeLeftMirrors(ids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#options.folder)) if (name !== homeName && !ids.has(name.replace(/\.git$/, ''))) await this.#removeMirror(name);
  }

  /** Logs of deeds are bounded, and end with their stack: what goes from one stays in the leader's own, with the seal by which the next entry knows it. */
  #keepEntry({ Spec, Chain }: Deed): void {
    this.#parts.logger.info({ deed: Spec, seal: Chain.Seal }, 'an entry of a log goes: it is kept here alone');
  }

  /** Stacks that their repository leaves behind may be removed right after it: nobody else would tell. */
  #noteRelease({ object, previous }: StackEvent): void {
    const name = (object ?? previous)?.Spec.Name ?? '';
    const owner = previous?.Source.Kind === 'repository' ? previous.Source.Repository : undefined;
    const released = this.#released.get(name);
    if (object?.Source.Kind === 'deploy' && owner !== undefined) this.#released.set(name, owner);
    else this.#released.delete(name);
    if (!object && released !== undefined) this.events.tell({ type: 'stack', name, action: 'removed', message: `it went with repository ${released}` });
  }

  /** Who writes though a window holds is told of, with the reason. */
  #tellThaw({ object, previous }: StoreEvents[number] & { kind: 'repository' }): void {
    const thawed = object?.Thawed;
    if (!object || !thawed || equal(thawed, previous?.Thawed)) return;
    const message = `the freeze is open until ${thawed.Until}${thawed.Who === undefined ? '' : `, for ${thawed.Who}`}: ${thawed.Reason}`;
    this.events.tell({ type: 'repository', name: object.Spec.Name, action: 'thawed', message });
  }

  #forget(id: string, name: string): void {
    this.events.tell({ type: 'repository', name, action: 'removed', message: 'it is followed no longer' });
    this.#houses.forget(id);
    const known = this.#followers.get(id);
    if (!known) return;
    this.#followers.delete(id);
    this.#shares.forget(join(this.#options.folder, id));
    const removed = known.follower.stop().then(() => Promise.all([this.#hosted.remove(id), this.#removeMirror(id), this.#removeMirror(peekFolder(id))]));
    removed.catch((error: unknown) => {
      this.#parts.logger.warn(
        { repository: name, err: error },
        'the folder of a repository that is followed no longer could not be removed: it goes at the next start',
      );
    });
  }
}

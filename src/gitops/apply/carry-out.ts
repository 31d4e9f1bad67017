/** Carries a repository's plan out, step by step, and says what came of it. */
import { timeText, type Clock } from '#base/clock';
import { inTurns } from '#base/pace/steps';
import { equal } from '#base/equal';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { stillness } from '#control/repository/stillness';
import { setRepositoryStatus } from '#control/repository/repositories';
import { isEmptyRecord } from '#control/stack/inventory';
import type { AskRegistries } from '#control/stack/image-digests';
import { revisionWithDigest } from '#control/stack/revisions';
import { adoptionNeeded, isOwned } from '#control/stack/ownership';
import { setLeaving, setStackCondition } from '#control/stack/stack-states';
import { deployStack, removeStack, together } from '#control/stack/stacks';
import type { Declared, RepositoryStatus } from '#model/object/repository';
import type { StackSource } from '#model/object/stack';
import { pauseOf } from '#reconciler/pause';
import { nextGraceMs } from '#reconciler/grace';
import { allRefusedBefore, rewrittenStatus, syncedStatus, unavailableStatus } from '#reconciler/outcome';
import { deployOptions, planKept, planRepository, type PlanOptions } from '#reconciler/plan';
import { applyDeclared } from '#control/repository/declared';
import { SettledStacks } from '#reconciler/settled';
import { entriesOf, inUnit, isFresh, type Entry } from '#reconciler/unit';
import type { Step } from '#reconciler/step';
import { notesOf, placedError, type RenderedStack, shortMessage } from '#reconciler/rendered';
import { ImageTags } from './image-tags.ts';
import { Reverts } from './reverts.ts';
import { Rewritten } from '../git-workers.ts';
import type { ReconcileEvents } from '../events.ts';
import type { VaultValues } from '../vault/vault-values.ts';

export interface CarryOutParts {
  cluster: Cluster;
  events: ReconcileEvents;
  clock: Clock;
  logger: Logger;
  /** Absent: images are taken as written. */
  registries?: { ask: AskRegistries };
  /** What stacks have from a vault. */
  values: VaultValues;
  /** What the commits are the head of. */
  followed: string;
  /** The stacks of a commit of before. */
  renderAt(commit: string): Promise<readonly RenderedStack[]>;
}

/** A commit as it was read. */
export interface SeenCommit {
  commit: string;
  stacks: readonly RenderedStack[];
  /** The folder of stacks, when the commit does not have it. */
  missing?: string;
  /** What it says of its repository, and of others. */
  declared: Declared;
}

/** What is not written of a stack. */
export interface WaitingChanges {
  /** Somebody changed it by hand; else the commit asks for it. */
  drift: boolean;
  lines: readonly string[];
}

/** A timer counts no further than 24 days. */
const longestMs = 3_600_000;

type View = Awaited<ReturnType<Cluster['read']>>;

/** What became of a step that did not simply succeed. */
type Trouble = { refused: readonly string[] } | { held: string } | undefined;

export class CarryOut {
  readonly #repository: string;
  readonly #parts: CarryOutParts;
  /** The versions that the stacks of this repository are in force as. */
  readonly #applied = new Map<string, RenderedStack>();
  /** Commits of before that were rendered for that, or could not be. */
  readonly #renderedBefore = new Set<string>();
  readonly #settled = new SettledStacks(true);
  #waiting: ReadonlyMap<string, WaitingChanges> = new Map();
  readonly #tags: ImageTags;
  readonly #reverts: Reverts;
  readonly #unwatch: () => void;
  #againMs: number | undefined;

  constructor(repository: string, parts: CarryOutParts) {
    this.#repository = repository;
    this.#parts = parts;
    this.#tags = new ImageTags(parts);
    this.#reverts = new Reverts(parts.clock);
    this.#unwatch = parts.cluster.watch((events) => this.#settled.heard(events));
  }

  /** What was not written when we last looked, because the stack or the repository is suspended. */
  get waiting(): ReadonlyMap<string, WaitingChanges> {
    return this.#waiting;
  }

  /** It hears of nothing any more. */
  stop(): void {
    this.#unwatch();
  }

  /** In how many ms something is due that is not yet: a change by hand that was taken back too often to be taken back again just now, or a stack that goes at its time. Undefined: there is none. */
  get againMs(): number | undefined {
    return this.#againMs;
  }

  /** Whether a look may find something new though the commit is the same. */
  follows({ stacks }: SeenCommit): boolean {
    return this.#tags.follows(stacks);
  }

  /** `seen`: the repository was read just now. While it is suspended nothing at all is written. True: nothing was to do, and nothing waits. */
  async run({ commit, stacks: read, missing, declared }: SeenCommit, seen: boolean): Promise<boolean> {
    const { cluster, clock } = this.#parts;
    this.#againMs = undefined;
    const valued = await this.#parts.values.resolved(read, seen ? 'look' : 'drift');
    const stacks = inUnit(await this.#tags.followed(valued, seen));
    // Before the view is asked for: what is told while it is made need not be in it.
    this.#settled.taken();
    const view = await cluster.read();
    const before = view.byName('repository', this.#repository);
    // Removed while we looked.
    if (!before) return false;
    const keeps = declared.KeepsStacks === true;
    const away = !seen && before.Status.State === 'unavailable';
    const options = { now: clock.now(), commit, keeps, grace: declared.Grace, away, ...(missing !== undefined && { missing }) };
    this.#learn(view, stacks);
    const all = await this.#plan(view, stacks, options);
    // That one is there again is said beside what else is to be done about it.
    const steps = all.filter(({ type }) => type !== 'return');
    const still = stillness(before, options.now);
    const policies = new Map(steps.length > 0 ? stacks.map(({ Name, Policy }) => [Name, Policy]) : []);
    const paused = (step: Step): boolean => still !== undefined || pauseOf(view, step, policies.get(step.name)) !== undefined;
    this.#waiting = new Map(steps.filter(paused).map((step) => [step.name, waitingOf(step)]));
    if (still) return false;
    const own = await cluster.submit(applyDeclared(before.ID, commit, declared));
    for (const message of own.changes) this.#parts.events.tell({ type: 'repository', name: this.#repository, action: 'declared', message });
    const after = (await cluster.read()).get('repository', before.ID);
    // A window that it says holds for what comes with it.
    if (!after || stillness(after, clock.now())) return false;
    const notes = notesOf(stacks, declared.LeftOut);
    this.#tellNotes(notes, before.Status);
    // A folder may be called `__proto__`.
    const refused = Object.create(null) as Record<string, readonly string[]>;
    const held = Object.create(null) as Record<string, string>;
    for (const [name, errors] of allRefusedBefore(view, this.#repository, stacks))
      if (!steps.some((step) => step.name === name && !(step.type === 'apply' && step.restores))) refused[name] = errors;
    const fresh = steps.filter(isFresh).filter((step) => !paused(step));
    const entries = entriesOf(view, stacks, fresh);
    for (const entry of entries) Object.assign(refused, await this.#applyTogether(entry, before.Status));
    for (const step of all.filter(({ type }) => type === 'return')) await this.#carryOut(step, before.Status);
    const laid = new Set<Step>(entries.flatMap((entry) => entry.steps));
    for (const step of steps) {
      if (paused(step) || laid.has(step) || this.#comesLater(step)) continue;
      const trouble = await this.#carryOut(step, before.Status);
      if (trouble && 'refused' in trouble) refused[step.name] = trouble.refused;
      else if (trouble) held[step.name] = trouble.held;
    }
    this.#lookAgainIn(nextGraceMs(await cluster.read(), this.#repository, stacks, clock.now()));
    if (away) return false;
    const status = syncedStatus(
      { commit, ...(missing !== undefined && { missing }), stacks: stacks.map(({ Name }) => Name), refused, held, notes, declared: own },
      clock.now(),
    );
    await this.#setStatus({ ...status, Followed: this.#parts.followed });
    return all.length === 0 && status.State === 'synced';
  }

  /** Nothing of the repository can be read, and there is no mirror of it: what is in force is what the store holds of it. */
  async keep(): Promise<void> {
    const { cluster, clock } = this.#parts;
    this.#againMs = undefined;
    const view = await cluster.read();
    const repository = view.byName('repository', this.#repository);
    if (!repository || stillness(repository, clock.now())) return;
    for (const step of planKept(view, this.#repository, clock.now()))
      if (pauseOf(view, step, undefined) === undefined && !this.#comesLater(step)) await this.#carryOut(step, repository.Status);
  }

  /** Whether it undoes what was undone too often lately. */
  #comesLater(step: Step): boolean {
    const laterMs = step.type === 'apply' && step.drift ? this.#reverts.dueInMs(step) : 0;
    if (laterMs > 0) this.#lookAgainIn(laterMs);
    return laterMs > 0;
  }

  #lookAgainIn(ms: number | undefined): void {
    if (ms !== undefined) this.#againMs = Math.min(this.#againMs ?? longestMs, ms);
  }

  /** Where something waits or is refused, what is in force has to be known, if need be from the commit that it came with. */
  async #plan(view: View, stacks: readonly RenderedStack[], options: PlanOptions): Promise<readonly Step[]> {
    const more = { ...options, applied: this.#applied, settled: this.#settled };
    const plan = (): Promise<readonly Step[]> => inTurns(planRepository(view, this.#repository, stacks, more), this.#parts.clock);
    const steps = await plan();
    const left = new Set(steps.filter(({ type }) => type === 'hold' || type === 'refuse').map(({ name }) => name));
    for (const name of allRefusedBefore(view, this.#repository, stacks).keys()) left.add(name);
    for (const { Leaving, Spec } of view.list('stack')) if (Leaving && !this.#applied.has(Spec.Name)) left.add(Spec.Name);
    for (const name of left) {
      const stack = view.byName('stack', name);
      if (stack?.Source.Kind !== 'repository' || !isOwned(stack, this.#repository) || isEmptyRecord(stack)) continue;
      const known = this.#applied.get(name);
      const { Commit, Path } = stack.Source;
      const kept = revisionWithDigest(view, name, stack.Digest);
      if (kept) this.#learn(view, [{ Name: name, Path, Commit, spec: kept.Spec.Content, digest: kept.Digest }]);
      if (kept || (known && 'spec' in known && known.digest === stack.Digest) || this.#renderedBefore.has(Commit)) continue;
      this.#renderedBefore.add(Commit);
      await this.#parts.renderAt(Commit).then(
        (before) => this.#learn(view, before),
        (error: Error) =>
          this.#parts.logger.warn(
            { repository: this.#repository, commit: Commit, error: error.message },
            'what is in force cannot be read any more: until its next version is applied, changes by hand of its stacks stay',
          ),
      );
    }
    return left.size > 0 ? plan() : steps;
  }

  #learn(view: View, stacks: readonly RenderedStack[]): void {
    for (const stack of stacks) if ('spec' in stack && view.byName('stack', stack.Name)?.Digest === stack.digest) this.#applied.set(stack.Name, stack);
    // Whoever uses one looks for its record.
    if (this.#applied.size > view.count('stack')) for (const name of this.#applied.keys()) if (!view.byName('stack', name)) this.#applied.delete(name);
  }

  #tellNotes(notes: Readonly<Record<string, readonly string[]>>, { Notes = {} }: RepositoryStatus): void {
    for (const [name, texts] of Object.entries(notes)) {
      if (!equal(Notes[name], texts)) this.#parts.events.tell({ type: 'stack', name, action: 'noted', message: texts.join('; ') });
    }
  }

  /** The repository cannot be read now: what was read last stays in force. */
  async unavailable(error: Error): Promise<void> {
    const { cluster, clock, logger } = this.#parts;
    logger.warn(
      { repository: this.#repository, error: error.message },
      'the repository cannot be read or applied now: what was read last stays in force, and the next look tries again',
    );
    try {
      const before = (await cluster.read()).byName('repository', this.#repository);
      if (before && !stillness(before, clock.now())) await this.#setStatus(this.#statusOf(before.Status, error));
    } catch (second) {
      logger.warn(
        { repository: this.#repository, error: (second as Error).message },
        'the status of the repository cannot be stored: lists show the one before until the next look',
      );
    }
  }

  #statusOf(before: RepositoryStatus, error: Error): RepositoryStatus {
    const now = this.#parts.clock.now();
    if (!(error instanceof Rewritten)) return unavailableStatus(before, error.message, now);
    const word = `nothing was changed. If that is meant: \`shoal repo confirm ${this.#repository} --commit ${error.commit.slice(0, 12)}\``;
    return rewrittenStatus(before, error.commit, `${error.message}; ${word}`, now);
  }

  async #carryOut(step: Step, status: RepositoryStatus): Promise<Trouble> {
    const { cluster } = this.#parts;
    if (step.type === 'refuse') return this.#refuse(step, status);
    if (step.type === 'hold') return this.#hold(step, status);
    if (step.type === 'wait') return this.#wait(step);
    try {
      if (step.type === 'leave' || step.type === 'return') return await this.#mark(step);
      if (step.type === 'remove') {
        await cluster.submit(removeStack(step.name, status.Commit === undefined ? {} : { commit: status.Commit }));
        this.#parts.events.tell({ type: 'stack', name: step.name, action: 'removed', message: step.reason });
        return undefined;
      }
      if (!('spec' in step.rendered)) return undefined;
      if (step.drift) this.#reverts.reverted(step);
      await cluster.submit(await this.#deploy(step));
      this.#tellApplied(step);
      return undefined;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
      if (step.type !== 'apply') return { refused: [error.message] };
      const { name, source, rendered } = step;
      return this.#refuse({ type: 'refuse', name, source, commit: rendered.Commit, errors: [placedError(rendered, error.message)] }, status);
    }
  }

  async #mark(step: Step & { type: 'leave' | 'return' }): Promise<undefined> {
    const { name, reason } = step;
    const leaving = step.type === 'leave' ? step.leaving : undefined;
    await this.#parts.cluster.submit(setLeaving(name, leaving));
    const who = leaving ? `${leaving.Commit.slice(0, 12)}${leaving.Who === undefined ? '' : ` by ${leaving.Who}`}: ` : '';
    this.#parts.events.tell({ type: 'stack', name, action: leaving ? 'leaving' : 'returned', message: `${who}${reason}` });
    return undefined;
  }

  async #deploy({ rendered, source, restores, drift }: Step & { type: 'apply' }): Promise<ReturnType<typeof deployStack>> {
    const spec = await this.#tags.pinned(rendered.spec);
    // What is undone of a change by hand is of no unit.
    const { unit, portsLater, ...plain } = deployOptions(rendered, source);
    const together = drift || restores === true || unit === undefined ? {} : { unit, ...(portsLater && { portsLater }) };
    const deploy = deployStack(spec, { ...plain, ...together, restores: restores === true, ...(rendered.Who !== undefined && { who: rendered.Who }) });
    return (view, context) => {
      // It may have ended while registries were asked.
      if (!view.byName('repository', this.#repository)) throw new Refusal('unavailable', `repository ${this.#repository} was removed`);
      return deploy(view, context);
    };
  }

  #tellApplied({ name, rendered, reason, drift }: Step & { type: 'apply' }): void {
    this.#parts.events.tell({ type: 'stack', name, action: drift ? 'drift reverted' : 'applied', message: `${rendered.Commit.slice(0, 12)}: ${reason}` });
  }

  /** All of them in one entry, or none: what is refused of one is refused of all. */
  async #applyTogether({ why, steps }: Entry, status: RepositoryStatus): Promise<Record<string, readonly string[]>> {
    const deploys: ReturnType<typeof deployStack>[] = [];
    for (const step of steps) deploys.push(await this.#deploy(step));
    try {
      await this.#parts.cluster.submit(together(deploys));
      for (const step of steps) this.#tellApplied(step);
      return {};
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
      const errors = [`${why}: ${shortMessage(error.message)}`];
      for (const { name, source, rendered } of steps) await this.#refuse({ type: 'refuse', name, source, commit: rendered.Commit, errors }, status);
      return Object.fromEntries(steps.map(({ name }) => [name, errors]));
    }
  }

  /** What is refused only when it is carried out is tried with each look, and said once. */
  async #refuse({ name, errors, commit, source }: Step & { type: 'refuse' }, status: RepositoryStatus): Promise<Trouble> {
    const said = await this.#note(name, source, { State: 'refused', Message: errors[0] ?? '', Errors: errors, Commit: commit });
    const known = said === 'foreign' ? equal(status.Refused?.[name], errors) : said;
    if (!known) this.#parts.events.tell({ type: 'stack', name, action: 'refused', message: `${commit.slice(0, 12)}: ${errors.join('; ')}` });
    return { refused: errors };
  }

  async #hold({ name, source, commit, reason, foreign }: Step & { type: 'hold' }, status: RepositoryStatus): Promise<Trouble> {
    if (!foreign) await this.#note(name, source, { State: 'held', Message: reason, Commit: commit });
    if (status.Held?.[name] !== reason) this.#parts.events.tell({ type: 'stack', name, action: 'held', message: `${commit.slice(0, 12)}: ${reason}` });
    return { held: reason };
  }

  /** Until those before it are healthy; each of them is heard of. */
  async #wait({ name, source, commit, reason }: Step & { type: 'wait' }): Promise<Trouble> {
    if ((await this.#note(name, source, { State: 'pending', Message: reason, Commit: commit })) === false)
      this.#parts.events.tell({ type: 'stack', name, action: 'pending', message: `${commit.slice(0, 12)}: ${reason}` });
    return undefined;
  }

  /** Notes it on the stack's record, unless that is somebody else's; answers whether it said so already. */
  async #note(
    name: string,
    source: StackSource & { Kind: 'repository' },
    fields: Omit<Parameters<typeof setStackCondition>[1], 'Since'>,
  ): Promise<boolean | 'foreign'> {
    const { cluster, clock } = this.#parts;
    const view = await cluster.read();
    if (adoptionNeeded(view, name, source) !== undefined) return 'foreign';
    const said = view.byName('stack', name)?.Condition;
    // Who waits has waited since the first commit that made it wait.
    const Since = said && fields.State === 'pending' && said.State === 'pending' ? said.Since : timeText(clock.now());
    await cluster.submit(setStackCondition(name, { ...fields, Since }, source));
    return said?.State === fields.State && said.Commit === fields.Commit && equal(said.Errors, fields.Errors);
  }

  async #setStatus(status: RepositoryStatus): Promise<void> {
    const { cluster } = this.#parts;
    const before = (await cluster.read()).byName('repository', this.#repository);
    // Removed while we looked.
    if (!before) return;
    await cluster.submit(setRepositoryStatus(this.#repository, status));
    if (before.Status.State === status.State && before.Status.Commit === status.Commit && before.Status.Message === status.Message) return;
    const message = status.Message || `at ${status.Commit?.slice(0, 12) ?? 'no commit'}`;
    this.#parts.events.tell({ type: 'repository', name: this.#repository, action: status.State === 'pending' ? 'synced' : status.State, message });
  }
}

/** What a step would do, for people. */
function waitingOf(step: Step): WaitingChanges {
  if (step.type === 'refuse') return { drift: false, lines: step.errors };
  if (step.type === 'apply') return { drift: step.drift, lines: step.changes.length > 0 ? step.changes : [step.reason] };
  return { drift: false, lines: [step.reason] };
}

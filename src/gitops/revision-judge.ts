/** Notes what became of each stack's newest revision, and takes a repository's stack back to its last good one when the new one fails. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { stillness } from '#control/repository/stillness';
import { overdue } from '#control/stack/overdue';
import { judgeRevision, judgeTogether, newestRevision } from '#control/stack/revisions';
import { missingServices, nodesOf, stackHealth, waitsForRoom, type StackHealth } from '#control/stack/stack-health';
import { waitsForMoves } from '#control/stack/waves';
import { giveUpRevision, lastWaves, nextWave, stays, unitMembers, type NextStep } from '#control/stack/stack-rollback';
import type { Revision, Stack } from '#model/object/stack';
import type { ReconcileEvents } from './events.ts';

export interface RevisionJudgeParts {
  cluster: Cluster;
  events: ReconcileEvents;
  clock: Clock;
  logger: Logger;
}

/** Tasks change in flocks: one look serves them all. */
const quietMs = 500;
/** What only time shows. */
const againMs = 3_000;
type View = Awaited<ReturnType<Cluster['read']>>;
type StoreEvents = Parameters<Parameters<Cluster['watch']>[0]>[0];

export class RevisionJudge {
  readonly #parts: RevisionJudgeParts;
  /** Names of stacks that have no verdict yet, or whose record or versions changed since the last look; absent: all have to be looked at. */
  #open: Set<string> | undefined;
  readonly #unwatch: () => void;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: RevisionJudgeParts) {
    this.#parts = parts;
    this.#unwatch = parts.cluster.watch((events) => this.#heard(events));
  }

  #heard(events: StoreEvents): void {
    for (const { kind, object, previous } of events) {
      if (kind === 'stack') this.#open?.add((object ?? previous)?.Spec.Name ?? '');
      if (kind === 'revision') this.#open?.add((object ?? previous)?.Spec.Stack ?? '');
    }
  }

  /** Something changed that may change a verdict. */
  notice(afterMs = quietMs): void {
    if (this.#stopped) return;
    this.#cancel ??= this.#parts.clock.after(afterMs, () => {
      this.#cancel = undefined;
      this.#looking = this.#look().catch((error: unknown) => {
        this.#parts.logger.warn(
          { error: (error as Error).message },
          'what became of the newest revisions of stacks cannot be stored now: they are judged again',
        );
        this.notice(againMs);
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch();
    this.#cancel?.();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const open = this.#open;
    this.#open = new Set();
    try {
      await this.#lookAt(open, await this.#parts.cluster.read());
    } catch (error) {
      for (const name of open ?? []) this.#open?.add(name);
      if (!open) this.#open = undefined;
      throw error;
    }
  }

  /** `names`: of the stacks to look at; absent: all. */
  async #lookAt(names: ReadonlySet<string> | undefined, view: View): Promise<void> {
    const nodes = nodesOf(view);
    let unsettled = false;
    let trouble: Error | undefined;
    const stacks = names ? [...names].flatMap((name) => view.byName('stack', name) ?? []) : view.list('stack');
    for (const stack of stacks) {
      const revision = newestRevision(view, stack.Spec.Name);
      if (!revision || (revision.Outcome.State === 'good' && !stack.Rollout?.Moves)) continue;
      this.#open?.add(stack.Spec.Name);
      if (this.#stopped) return;
      // What somebody removed tells nothing of the version.
      if (missingServices(view, arrived(stack)).length > 0) continue;
      const health = stackHealth(view, arrived(stack), nodes, this.#parts.clock.now());
      if (!health) continue;
      // The trouble of one keeps no other from being judged.
      await this.#judge(view, stack, revision, health).catch((error: unknown) => (trouble ??= error as Error));
      if (revision.Outcome.State !== 'good' && (health.State !== 'healthy' || stack.Rollout || revision.Unit)) unsettled = true;
    }
    if (unsettled) this.notice(againMs);
    if (trouble) throw trouble;
  }

  async #judge(view: View, stack: Stack, revision: Revision, health: StackHealth): Promise<void> {
    const { Number } = revision.Spec;
    const { cluster } = this.#parts;
    const { Name } = stack.Spec;
    const together = revision.Unit !== undefined && !revision.Unit.Stays;
    // It is well with what still runs: what waits for other stacks goes when they are.
    if (health.State === 'healthy' && waitsForMoves(view, stack)) return cluster.submit(judgeRevision(Name, Number, { State: 'good', Message: '' }));
    if (health.State === 'healthy' && stack.Rollout && !(together && stack.Rollout.Left.length === 0)) return void (await this.#advance(view, stack, revision));
    if (revision.Outcome.State === 'good') return;
    if (health.State === 'healthy' && together) return this.#judgeUnit(view, revision);
    if (health.State === 'healthy') return cluster.submit(judgeRevision(Name, Number, { State: 'good', Message: '' }));
    const waitedMs = stack.Rollout?.Prunes ? waitsForRoom(view, stack, revision, this.#parts.clock.now()) : undefined;
    // That a task has no place is no failure as long as somebody may make way for it, or just did.
    if (waitedMs !== undefined && (waitedMs < 0 || (leaves(view, stack, revision) && (await this.#advance(view, stack, revision, true))))) return;
    const late = health.State === 'failing' || health.Quarantined ? undefined : overdue(view, arrived(stack), revision, health, this.#parts.clock.now());
    if (health.State !== 'failing' && !health.Quarantined && late === undefined) return;
    // What goes back by itself ends that first: another change in the middle would be a rollout of its own.
    if (isGoingBack(view, stack)) return;
    const reason = late ?? (health.Message === '' ? 'it does not become healthy' : health.Message);
    await this.#fail(view, stack, revision, reason);
  }

  /** What came in one entry is good together, and not before all of it is; then what leaves goes, in one entry too. */
  async #judgeUnit(view: View, revision: Revision): Promise<void> {
    const nodes = nodesOf(view);
    const members = unitMembers(view, revision);
    const isWell = (stack: Stack): boolean => stackHealth(view, stack, nodes, this.#parts.clock.now())?.State === 'healthy';
    if (!members.every(({ stack }) => (stack.Rollout?.Left.length ?? 0) === 0 && isWell(stack))) return;
    const numbered = members.map(({ stack, revision: { Spec } }) => ({ stack, name: stack.Spec.Name, number: Spec.Number }));
    const leaving = numbered.filter(({ stack }) => stack.Rollout);
    if (leaving.length === 0) return this.#parts.cluster.submit(judgeTogether(numbered, { State: 'good', Message: '' }));
    if (members.some(({ stack }) => stack.Suspended || this.#isStill(view, stack))) return;
    try {
      const steps = await this.#parts.cluster.submit(lastWaves(leaving));
      for (const { name, number } of leaving) this.#tellStep(name, number, steps.get(name));
    } catch (error) {
      await this.#refused(revision, error);
    }
  }

  /** Whether something went. `makesWay`: what leaves goes, though the rest is not healthy. */
  async #advance(view: View, stack: Stack, revision: Revision, makesWay = false): Promise<boolean> {
    const { Name } = stack.Spec;
    const { Number } = revision.Spec;
    if (stack.Suspended || this.#isStill(view, stack)) return false;
    try {
      const step = await this.#parts.cluster.submit(nextWave(Name, Number, makesWay));
      this.#tellStep(Name, Number, step);
      return step.removed.length > 0;
    } catch (error) {
      await this.#refused(revision, error);
      return true;
    }
  }

  /** What comes next of a version is refused: it has failed. */
  async #refused(revision: Revision, error: unknown): Promise<void> {
    if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
    const now = await this.#parts.cluster.read();
    const known = now.byName('stack', revision.Spec.Stack);
    if (known) await this.#fail(now, known, revision, `its next wave is refused: ${error.message}`);
  }

  /** Whether its repository is held still. */
  #isStill(view: View, { Source }: Stack): boolean {
    const repository = Source.Kind === 'repository' ? view.byName('repository', Source.Repository) : undefined;
    return repository !== undefined && stillness(repository, this.#parts.clock.now()) !== undefined;
  }

  #tellStep(name: string, number: number, step: NextStep | undefined): void {
    if (!step?.changed) return;
    const gone = step.removed.length > 0 ? `removed ${step.removed.join(', ')}, which it does not have` : 'its next wave';
    this.#parts.events.tell({ type: 'stack', name, action: 'applied', message: `revision ${number}: ${gone}` });
  }

  /** It goes back, where it may; else it is said that it failed. */
  async #fail(view: View, stack: Stack, revision: Revision, reason: string): Promise<void> {
    const { Name } = stack.Spec;
    const { Number } = revision.Spec;
    // Of a unit it is for all of them to go back, or for none.
    const tries = revision.Unit ? !isStill(view, stack, this.#parts.clock.now()) : goesBack(view, stack, this.#parts.clock.now());
    if (tries && (await this.#giveUp(Name, Number, reason))) return;
    await this.#parts.cluster.submit(judgeRevision(Name, Number, { State: 'failed', Message: reason }));
  }

  async #giveUp(name: string, number: number, reason: string): Promise<boolean> {
    const { cluster, events, logger } = this.#parts;
    try {
      const view = await cluster.read();
      const revision = newestRevision(view, name);
      const others = revision?.Unit ? unitMembers(view, revision).filter(({ stack }) => stack.Spec.Name !== name) : [];
      const back = await cluster.submit(giveUpRevision(name, number, reason));
      if (!back) return false;
      const way = back.To === 0 ? 'was given up, and there is none to go back to' : `was given up for revision ${back.To}`;
      events.tell({ type: 'stack', name, action: 'rolled back', message: `revision ${number} ${way}: ${reason}` });
      const message = `it goes with stack ${name}, which failed: they are one unit`;
      for (const { stack } of others) events.tell({ type: 'stack', name: stack.Spec.Name, action: 'rolled back', message });
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
      logger.warn(
        { stack: name, revision: number, error: error.message },
        'the last good revision cannot be brought back: the stack stays as it is until somebody acts',
      );
      return false;
    }
  }
}

/** Whether a service of the stack is on its way to its version of before. */
function isGoingBack(view: View, { Services }: Stack): boolean {
  return Services.some((name) => view.byName('service', name)?.UpdateStatus?.State === 'rollback_started');
}

/** Whether nothing of its repository is written now. */
function isStill(view: View, { Source }: Stack, now: number): boolean {
  const repository = Source.Kind === 'repository' ? view.byName('repository', Source.Repository) : undefined;
  return repository === undefined || stillness(repository, now) !== undefined;
}

/** Whether the stack goes back by itself: it is a repository's that says so, and nobody holds it still. */
function goesBack(view: View, stack: Stack | undefined, now: number): boolean {
  if (stack?.Source.Kind !== 'repository' || stack.Suspended) return false;
  const repository = view.byName('repository', stack.Source.Repository);
  return repository !== undefined && !stillness(repository, now) && !stays(view, stack);
}

/** Whether something of the versions before is still there that goes with this one. */
function leaves(view: View, { Inventory = [] }: Stack, { Spec: { Content } }: Revision): boolean {
  const names = new Set(Content.Services.map(({ Name }) => Name));
  return Inventory.some(({ Kind, ID, Name }) => Kind === 'service' && !names.has(Name) && view.get('service', ID) !== undefined);
}

/** The stack without what waits for its wave: that has still the version of before, which says nothing of this one. */
function arrived(stack: Stack): Stack {
  const waiting = new Set(stack.Rollout?.Left.flat());
  return waiting.size === 0 ? stack : { ...stack, Services: stack.Services.filter((name) => !waiting.has(name)) };
}

/** The worker processes of the reconciler: one that talks to servers, for all repositories at once, and one that renders. Both are kept while there is work, end after a minute without, and are made anew after a limit or a breach. */
import { Refusal } from '#base/refusal';
import type { CommitList } from '#model/git/notify';
import type { RenderedStack } from '#reconciler/rendered';
import type { Declared } from '#model/object/repository';
import { Lanes } from './shares/lanes.ts';
import type { CommitRange, HeldLine, KnownHead, MirrorPlace, RenderQuestion, WatchedFolder, WorkerAnswer } from './protocol.ts';
import { RenderTurns } from './render-turns.ts';
import type { MirrorShares } from './shares/mirror-shares.ts';
import { WorkerBreach, WorkerProcess, type Question, type WorkerBounds } from './worker-process.ts';

/** A local repository, as its files were before the branch was looked at. */
export interface SeenPlace {
  /** The same text: the branch did not move. */
  signature?: string;
  watch: readonly WatchedFolder[];
}

export interface RenderAnswer {
  /** The commit lacks the folder of stacks. */
  missing: boolean;
  /** What it says of its repository, and of others. */
  declared: Declared;
  /** `bytes`: of the stack with all its files, as it came. */
  stacks: readonly { stack: RenderedStack; digest: string; bytes: number }[];
  /** Names of those that are as they were. */
  same: readonly string[];
  /** Blobs without which the rest cannot be rendered. */
  wanting: readonly string[];
  /** Who made the commit, as it says. */
  author: string;
}

export interface FetchQuestion {
  place: MirrorPlace;
  known?: KnownHead;
  /** Absent: whatever the branch leads to is followed. */
  line?: HeldLine;
}

/** The branch leads to a commit that is not followed before somebody says so: it does not come after the one accepted last, or came with others that nobody signed. */
export class Rewritten extends Error {
  override readonly name = 'Rewritten';
  constructor(
    readonly commit: string,
    reason: string,
  ) {
    super(reason);
  }
}

const fetchBounds = { memoryBytes: 512 * 1024 * 1024, silenceMs: 45 * 60_000 };
/** A stack, and a commit: others wait meanwhile. A thousand stacks take some seconds. */
const renderBounds = { memoryBytes: 1024 * 1024 * 1024, cpuMs: 2000, wholeCpuMs: 60_000, silenceMs: 30_000, renders: true };
const usualIdleMs = 60_000;
const mostServed = 2000;
const recycledBytes = 384 * 1024 * 1024;

/** A kind of work, and the process that does it now. */
class Post {
  readonly #program: string;
  readonly #bounds: WorkerBounds;
  #process: WorkerProcess | undefined;
  #stopped = false;

  constructor(program: string, bounds: WorkerBounds) {
    this.#program = program;
    this.#bounds = bounds;
  }

  take(): WorkerProcess {
    if (this.#stopped) throw new Refusal('unavailable', 'the reconciler is stopping');
    const known = this.#process;
    const worn = known !== undefined && known.busy === 0 && (known.served >= mostServed || known.memoryBytes > recycledBytes);
    if (worn) known.kill();
    if (known?.alive) return known;
    return (this.#process = new WorkerProcess(this.#program, this.#bounds));
  }

  stop(): void {
    this.#stopped = true;
    this.#process?.kill();
    this.#process = undefined;
  }
}

export class GitWorkers {
  readonly #fetching: Post;
  readonly #rendering: Post;
  readonly #lanes = new Lanes();
  readonly #renders = new RenderTurns();
  readonly #shares: MirrorShares | undefined;

  /** `program` is the path of the worker's own entry; `idleMs`: how long a process is kept without work; `shares`: what mirrors take of the disk beside their own bounds. */
  constructor(program: string, { idleMs = usualIdleMs, shares }: { idleMs?: number; shares?: MirrorShares } = {}) {
    this.#shares = shares;
    this.#fetching = new Post(program, { ...fetchBounds, idleMs });
    this.#rendering = new Post(program, { ...renderBounds, idleMs });
  }

  /** Asks the repository where its branch is, brings that into the mirror and answers the commit. `seen` hears of the place also when that fails. */
  async fetch({ place, known, line }: FetchQuestion, seen: (place: SeenPlace) => void, signal: AbortSignal): Promise<string> {
    // What it finds will be rendered: that process starts beside.
    if (!known) this.#rendering.take();
    const question = (bounded: MirrorPlace): Question => ({ type: 'fetch', place: bounded, ...(known && { known }), ...(line && { line }) });
    const answer = await this.#bring(place, question, signal, (part) => {
      if (part.type === 'place') seen(part);
    });
    if (answer.type === 'rewritten') throw new Rewritten(answer.commit, answer.reason);
    if (answer.type !== 'fetched') throw new Refusal('unknown', 'a worker process answered something else');
    return answer.commit;
  }

  /** `peeked`: of a commit that is only asked about. */
  async fetchBlobs(place: MirrorPlace, oids: readonly string[], peeked: boolean, signal: AbortSignal): Promise<void> {
    await this.#bring(place, (bounded) => ({ type: 'fetch blobs', place: bounded, oids, ...(peeked && { peeked }) }), signal);
  }

  /** Brings another commit to this host than the one that is followed, and answers it. */
  async peek(place: MirrorPlace, signal: AbortSignal): Promise<string> {
    const answer = await this.#bring(place, (bounded) => ({ type: 'peek', place: bounded }), signal);
    if (answer.type !== 'fetched') throw new Refusal('unknown', 'a worker process answered something else');
    return answer.commit;
  }

  /** The commit that the mirror holds. */
  async recall(place: MirrorPlace, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#talk(place, { type: 'recall', place }, signal);
    return answer.type === 'recalled' ? answer.commit : undefined;
  }

  /** Commits that the mirror holds. */
  async commits(place: MirrorPlace, range: CommitRange, signal: AbortSignal): Promise<CommitList> {
    const answer = await this.#talk(place, { type: 'commits', place, range }, signal);
    if (answer.type !== 'commits') throw new Refusal('unknown', 'a worker process answered something else');
    return answer.list;
  }

  /** One render after another: they are work, not waiting. */
  render(question: RenderQuestion, signal: AbortSignal): Promise<RenderAnswer> {
    return this.#renders.take(question.folder, question.closed !== true, () => this.#render(question, signal));
  }

  stop(): void {
    this.#fetching.stop();
    this.#rendering.stop();
  }

  #talk(place: MirrorPlace, question: Question, signal: AbortSignal): ReturnType<WorkerProcess['ask']> {
    return this.#inLane(place, signal, () => this.#fetching.take().ask(question, signal));
  }

  /** What comes takes room. */
  #bring(
    place: MirrorPlace,
    question: (bounded: MirrorPlace) => Question,
    signal: AbortSignal,
    heard?: (part: WorkerAnswer) => void,
  ): ReturnType<WorkerProcess['ask']> {
    return this.#inLane(place, signal, async () => {
      const share = await this.#shares?.enter(place);
      try {
        return await this.#fetching.take().ask(question(share?.place ?? place), signal, heard);
      } finally {
        await share?.leave();
      }
    });
  }

  async #inLane(place: MirrorPlace, signal: AbortSignal, work: () => ReturnType<WorkerProcess['ask']>): ReturnType<WorkerProcess['ask']> {
    const leave = await this.#lanes.enter(place.folder, signal);
    try {
      const answer = await work();
      leave('well');
      return answer;
    } catch (error) {
      leave('badly');
      throw error instanceof WorkerBreach ? new Refusal('unavailable', error.message) : error;
    }
  }

  async #render(question: RenderQuestion, signal: AbortSignal): Promise<RenderAnswer> {
    if (signal.aborted) throw new Refusal('unavailable', 'the look was ended');
    const stacks: { stack: RenderedStack; digest: string; bytes: number }[] = [];
    const same: string[] = [];
    const answer = await this.#rendering.take().ask({ type: 'render', ...question }, signal, (part, bytes) => {
      if (part.type === 'stack') stacks.push({ stack: part.stack, digest: part.digest, bytes });
      if (part.type === 'same') same.push(...part.names);
    });
    if (answer.type !== 'rendered') throw new Refusal('unknown', 'a worker process answered something else');
    return { missing: answer.missing, declared: answer.declared, wanting: answer.wanting, author: answer.author, stacks, same };
  }
}

/** Reads one repository through the workers: where its branch is, and what stacks its commit asks for. */
import { Refusal } from '#base/refusal';
import { compareTexts, shortCommit } from '#base/text/text';
import type { Declared, RepositorySpec } from '#model/object/repository';
import type { RenderedStack } from '#reconciler/rendered';
import type { SeenCommit } from './apply/carry-out.ts';
import type { GitWorkers, SeenPlace } from './git-workers.ts';
import { LocalWatch } from './local-watch.ts';
import { largestRequestBytes, type HeldLine, type MirrorPlace, type SealingKeys } from './protocol.ts';
import { HeldPart, type Shares } from './shares/held-bytes.ts';
import { WorkerBreach } from './worker-process.ts';

export interface ReaderParts {
  workers: GitWorkers;
  place: MirrorPlace;
  signal: AbortSignal;
  /** The history that the repository is held to. */
  line: () => Promise<HeldLine | undefined>;
  /** What files of the repository may be encrypted for. */
  sealing: () => Promise<SealingKeys>;
  /** Parts of what the leader may hold; absent: there is no bound. */
  shares?: Shares;
  /** A local repository's branch may have moved. */
  changed: () => void;
}

/** Stacks of one commit that may break a bound before the rest is given up. */
const mostBreaches = 3;
/** Files name files that name files; real stacks need two or three rounds. */
const mostRounds = 40;
const largestHaveBytes = largestRequestBytes / 2;

interface RenderResult {
  stack: RenderedStack;
  digest: string;
  bytes: number;
}

/** A commit that is not followed, and the way to say that nobody looks at it any more. */
export interface PeekedCommit {
  seen: SeenCommit;
  done: () => void;
}

interface RenderedCommit {
  found: ReadonlyMap<string, RenderResult>;
  missing: boolean;
  declared: Declared;
}

export class RepositoryReader {
  readonly #spec: RepositorySpec;
  readonly #parts: ReaderParts;
  readonly #watch: LocalWatch;
  #seen: SeenPlace = { watch: [] };
  /** What was said of the place when `#rendered` was fetched. */
  #signature: string | undefined;
  #rendered: SeenCommit | undefined;
  readonly #shares: Shares;
  /** Of `#results`. */
  readonly #held: HeldPart;
  /** Stack → its result and digest, of the commit rendered last. */
  #results: ReadonlyMap<string, RenderResult> = new Map();
  /** A commit that could not be rendered is not tried again until the branch moves. */
  #hopeless: { commit: string; error: Refusal } | undefined;

  constructor(spec: RepositorySpec, parts: ReaderParts) {
    this.#spec = spec;
    this.#parts = parts;
    const unbound = (): HeldPart => new HeldPart(() => {});
    this.#shares = parts.shares ?? { followed: unbound, asked: unbound };
    this.#held = this.#shares.followed();
    this.#watch = new LocalWatch(parts.changed);
  }

  /** What was rendered last. */
  get rendered(): SeenCommit | undefined {
    return this.#rendered;
  }

  stop(): void {
    this.#watch.stop();
    this.#held.end();
  }

  /** Asks the repository and renders what is new. Throws a Refusal that says why it cannot be read. */
  async look(): Promise<void> {
    const first = await this.#fetch().catch((error: Error) => error);
    // What changed before the watch began is seen by a second look, what changes after it is heard of.
    const commit = this.#watch.ensure(this.#seen.watch) ? await this.#fetch(first) : first;
    if (commit instanceof Error) throw commit;
    if (commit !== this.#rendered?.commit) await this.#render(commit);
    this.#signature = this.#seen.signature;
  }

  /** The stacks of what `ref` leads to, which is not followed; absent: of what is. Who may propose a commit may not read what is sealed: stacks that use it are shown only while they are as followed. The caller says when he is done with it. */
  async peek(ref: string | undefined): Promise<PeekedCommit> {
    const { workers, place, signal } = this.#parts;
    const { semver, ...plain } = place;
    const asked = ref === undefined ? { ...plain, ...(semver !== undefined && { semver }) } : { ...plain, ref };
    const commit = await workers.peek(asked, signal);
    const followed = this.#rendered?.commit;
    const closed = ref !== undefined && commit !== followed;
    // The worker may have been made anew: what is followed is what it compares with.
    if (closed && followed !== undefined) await this.#rendering((part) => this.#renderRounds(followed, part)).catch(() => {});
    const part = this.#shares.asked();
    const { found, missing, declared } = await this.#renderRounds(commit, part, { closed, peeked: true }).catch((error: unknown) => {
      part.end();
      throw error instanceof WorkerBreach ? new Refusal('unavailable', `commit ${shortCommit(commit)} cannot be rendered: ${error.message}`) : error;
    });
    const stacks = [...found.values()].map(({ stack }) => stack);
    return { seen: { commit, declared, stacks, ...(missing && { missing: this.#spec.Path }) }, done: () => part.end() };
  }

  /** After a restart without the repository: the mirror holds what was followed last. */
  async recall(): Promise<void> {
    const { workers, place, signal } = this.#parts;
    if (this.#rendered || signal.aborted) return;
    const commit = await workers.recall(place, signal);
    if (commit !== undefined) await this.#render(commit);
  }

  /** The stacks of a commit of before, from the mirror. */
  async renderAt(commit: string): Promise<readonly RenderedStack[]> {
    const { found } = await this.#rendering((part) => this.#renderRounds(commit, part));
    return [...found.values()].map(({ stack }) => stack);
  }

  /** `first`: what a look just before this one found. */
  async #fetch(first?: string | Error): Promise<string> {
    const { workers, place, signal } = this.#parts;
    const line = await this.#parts.line();
    const [commit, signature] = typeof first === 'string' ? [first, this.#seen.signature] : [this.#rendered?.commit, this.#signature];
    const known = commit === undefined ? undefined : { commit, ...(signature !== undefined && { signature }) };
    return workers.fetch({ place, ...(known && { known }), ...(line && { line }) }, (seen) => (this.#seen = seen), signal);
  }

  async #render(commit: string): Promise<void> {
    if (this.#hopeless?.commit === commit) throw this.#hopeless.error;
    try {
      await this.#rendering(async (part) => this.#keep(commit, await this.#renderRounds(commit, part), part));
    } catch (error) {
      const refused = error instanceof Refusal && error.code === 'invalidArgument' ? error : undefined;
      if (!(error instanceof WorkerBreach) && !refused) throw error;
      const words = `commit ${commit.slice(0, 12)} cannot be rendered: ${(error as Error).message}`;
      this.#hopeless = { commit, error: refused ?? new Refusal('unavailable', words, { commit: true }) };
      throw this.#hopeless.error;
    }
  }

  /** A part for what would be followed next. */
  coming(): HeldPart {
    return this.#held.successor();
  }

  async #rendering<T>(work: (part: HeldPart) => Promise<T>): Promise<T> {
    const part = this.coming();
    try {
      return await work(part);
    } finally {
      part.end();
    }
  }

  async #renderRounds(commit: string, part: HeldPart, { closed = false, peeked = false } = {}): Promise<RenderedCommit> {
    const { workers, place, signal } = this.#parts;
    const { Path, Environment, Variables } = this.#spec;
    const settings = {
      ...(Environment !== undefined && { environment: Environment }),
      ...(Variables !== undefined && { variables: Variables }),
      ...(closed && { closed }),
      ...(peeked && { peeked }),
    };
    const { identity, keys } = await this.#parts.sealing();
    const skip = Object.create(null) as Record<string, string>;
    const found = new Map<string, RenderResult>();
    let asked = '';
    for (let round = 0; round < mostRounds; round++) {
      const have = haveOf(found.size === 0 ? this.#results : new Map([...this.#results, ...found]));
      const question = {
        folder: place.folder,
        home: place.home,
        commit,
        path: Path,
        have,
        skip,
        ...settings,
        ...(identity !== undefined && { identity }),
        ...(keys && { keys }),
      };
      const answer = await workers.render(question, signal).catch((error: unknown) => this.#breached(error, skip));
      if (!answer) continue;
      for (const name of answer.same) {
        const known = found.get(name) ?? this.#results.get(name);
        if (known) found.set(name, known);
      }
      part.add(answer.stacks.reduce((sum, { bytes }) => sum + bytes, 0));
      for (const result of answer.stacks) found.set(result.stack.Name, result);
      if (answer.wanting.length === 0) return { found: madeBy(inNameOrder(found), commit, answer.author), missing: answer.missing, declared: answer.declared };
      const wanting = answer.wanting.join();
      if (wanting === asked) throw new Refusal('unavailable', `the server does not give the file with id ${answer.wanting[0] ?? ''}`);
      asked = wanting;
      await workers.fetchBlobs(place, answer.wanting, peeked, signal);
    }
    throw new Refusal('unavailable', `commit ${commit.slice(0, 12)} cannot be rendered within ${mostRounds} rounds`);
  }

  /** A stack that broke a bound is left out from then on: it spoils no other. */
  #breached(error: unknown, skip: Record<string, string>): undefined {
    if (!(error instanceof WorkerBreach) || error.workedOn === undefined || Object.keys(skip).length >= mostBreaches) throw error;
    skip[error.workedOn] = `cannot be rendered: ${error.message}`;
  }

  #keep(commit: string, { found, missing, declared }: RenderedCommit, part: HeldPart): void {
    part.end();
    this.#held.set([...found.values()].reduce((sum, { bytes }) => sum + bytes, 0));
    this.#results = found;
    this.#rendered = { commit, declared, stacks: [...this.#results.values()].map(({ stack }) => stack), ...(missing && { missing: this.#spec.Path }) };
  }
}

/** Stack → digest, of as many as a question holds: the others are made anew. */
function haveOf(results: ReadonlyMap<string, RenderResult>): Record<string, string> {
  // Of nearly all repositories they are few: no character of a name takes more than six bytes.
  const most = [...results].reduce((sum, [name, { digest }]) => sum + 6 * (name.length + digest.length) + 6, 0);
  if (most <= largestHaveBytes) return Object.fromEntries([...results].map(([name, { digest }]) => [name, digest]));
  let left = largestHaveBytes;
  const told = [...results].flatMap(([name, { digest }]): [string, string][] => {
    left -= Buffer.byteLength(JSON.stringify([name, digest]));
    return left >= 0 ? [[name, digest]] : [];
  });
  return Object.fromEntries(told);
}

/** A worker gives them out as it comes by what they need. */
function inNameOrder(found: ReadonlyMap<string, RenderResult>): Map<string, RenderResult> {
  return new Map([...found].toSorted(([a], [b]) => compareTexts(a, b)));
}

/** Those that are as they were are of this commit as well. */
function madeBy(found: ReadonlyMap<string, RenderResult>, Commit: string, Who: string): ReadonlyMap<string, RenderResult> {
  return new Map([...found].map(([name, result]) => [name, { ...result, stack: { ...result.stack, Commit, Who } }]));
}

/** Trees and blobs of a mirror by `git cat-file`, sizes first: nothing is read whole before it is known to be small enough. */
import { execFile, type ChildProcess } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import { beside, plainEnvironment } from './git-environment.ts';
import { killGroup } from '../process-group.ts';
import { settings, spawnGit, type GroupListener } from './run-git.ts';

export interface ObjectInfo {
  type: string;
  size: number;
}

/** Headers are short; a longer line is none. */
const longestHeader = 256;
const askedAtOnce = 500;
/** The first git whose `cat-file` answers both kinds of questions in one process. */
const bothSince = [2, 36] as const;

let answersBoth: Promise<boolean> | undefined;

/** Whether one process does for both; asked once. */
function hasBoth(environment: Readonly<Record<string, string>>): Promise<boolean> {
  answersBoth ??= new Promise((resolve) => {
    execFile('git', ['version'], { env: environment }, (error, said) => {
      const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(said) ?? []).map(Number);
      resolve(!error && (major > bothSince[0] || (major === bothSince[0] && minor >= bothSince[1])));
    });
  });
  return answersBoth;
}

export class ObjectReader {
  readonly #start: BatchStart;
  #batches: Promise<{ sizes: Batch; bodies: Batch }> | undefined;
  /** Closed, or git ended by itself. */
  #ended = false;

  /** `received`: a folder of objects beside those of the mirror. */
  constructor(folder: string, home: string, groups: GroupListener, received?: string) {
    this.#start = { folder, environment: beside(plainEnvironment(home), received), groups, ended: () => (this.#ended = true) };
  }

  /** Type and size by id; those that are not in the mirror are left out. */
  async infos(oids: readonly string[]): Promise<Map<string, ObjectInfo>> {
    const found = new Map<string, ObjectInfo>();
    if (oids.length === 0) return found;
    const answers = await (await this.#running()).sizes.ask(oids, 'info');
    answers.forEach(({ header }, at) => {
      const [, type = '', size] = header.split(' ');
      const oid = oids[at];
      if (oid !== undefined && size !== undefined) found.set(oid, { type, size: Number(size) });
    });
    return found;
  }

  /** Contents of objects that `infos` found. */
  async contents(oids: readonly string[]): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    if (oids.length === 0) return found;
    const answers = await (await this.#running()).bodies.ask(oids, 'contents');
    answers.forEach(({ body }, at) => {
      const oid = oids[at];
      // A copy: a view would keep everybody's bytes as long as one of them is cached.
      if (oid !== undefined && body) found.set(oid, Uint8Array.from(body));
    });
    return found;
  }

  get ended(): boolean {
    return this.#ended;
  }

  close(): void {
    this.#ended = true;
    void this.#batches?.then(closeBoth);
  }

  async #running(): Promise<{ sizes: Batch; bodies: Batch }> {
    this.#batches ??= this.#begin();
    const batches = await this.#batches;
    if (this.#ended) closeBoth(batches);
    return batches;
  }

  async #begin(): Promise<{ sizes: Batch; bodies: Batch }> {
    if (!(await hasBoth(this.#start.environment))) return { sizes: new Batch('--batch-check', this.#start), bodies: new Batch('--batch', this.#start) };
    const both = new Batch('--batch-command', this.#start);
    return { sizes: both, bodies: both };
  }
}

/** Mirrors of which a reader is kept. */
const mostKept = 4;

/** Readers of the mirrors that were read last: the git that reads one is there for its next commit. */
export class ObjectReaders {
  /** By the mirror's folder, the one used last at the end. */
  readonly #kept = new Map<string, { reader: ObjectReader; mirror: string }>();

  async of(folder: string, home: string, groups: GroupListener): Promise<ObjectReader> {
    // A mirror may be made anew at its place.
    const found = await stat(join(folder, 'objects'), { bigint: true }).catch(() => undefined);
    if (!found) throw new Refusal('unavailable', 'the mirror cannot be read');
    const mirror = [found.dev, found.ino, found.birthtimeNs].join(' ');
    const known = this.#kept.get(folder);
    this.#kept.delete(folder);
    const isGood = known?.mirror === mirror && !known.reader.ended;
    if (!isGood) known?.reader.close();
    const kept = isGood ? known : { reader: new ObjectReader(folder, home, groups), mirror };
    this.#kept.set(folder, kept);
    for (const [oldest, { reader }] of this.#kept) {
      if (this.#kept.size <= mostKept) break;
      reader.close();
      this.#kept.delete(oldest);
    }
    return kept.reader;
  }
}

function closeBoth({ sizes, bodies }: { sizes: Batch; bodies: Batch }): void {
  sizes.close();
  bodies.close();
}

type Question = 'info' | 'contents';

interface Answer {
  header: string;
  body: Buffer | undefined;
}

interface BatchStart {
  folder: string;
  environment: Readonly<Record<string, string>>;
  groups: GroupListener;
  /** Hears that there will be no more answers. */
  ended: () => void;
}

/** One `git cat-file` that is started when it is first asked. */
class Batch {
  readonly #mode: '--batch-check' | '--batch' | '--batch-command';
  readonly #start: BatchStart;
  readonly #waiting: { question: Question; take: (answer: Answer) => void; fail: (error: Error) => void }[] = [];
  #child: ChildProcess | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #wantedBytes = 0;
  #failed: Error | undefined;

  constructor(mode: '--batch-check' | '--batch' | '--batch-command', start: BatchStart) {
    this.#mode = mode;
    this.#start = start;
  }

  /** Answers in the order asked. */
  async ask(oids: readonly string[], question: Question): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let at = 0; at < oids.length; at += askedAtOnce) {
      const some = oids.slice(at, at + askedAtOnce);
      if (this.#failed) throw this.#failed;
      const child = this.#running();
      const pending = some.map(
        () =>
          new Promise<Answer>((resolve, reject) => {
            if (this.#failed) return reject(this.#failed);
            this.#waiting.push({ question, take: resolve, fail: reject });
          }),
      );
      const word = this.#mode === '--batch-command' ? `${question} ` : '';
      child.stdin?.write(some.map((oid) => `${word}${oid}\n`).join(''));
      answers.push(...(await Promise.all(pending)));
    }
    return answers;
  }

  close(): void {
    this.#fail(new Refusal('unavailable', 'the mirror is closed'));
    if (this.#child?.pid !== undefined) killGroup(this.#child.pid);
  }

  #running(): ChildProcess {
    if (this.#child) return this.#child;
    const { folder, groups } = this.#start;
    // Objects that a filter left out must not be fetched one by one behind our back.
    const environment = { ...this.#start.environment, GIT_ALLOW_PROTOCOL: 'none' };
    const child = spawnGit([...settings(), 'cat-file', this.#mode], { folder, environment }, 0, groups);
    child.stdout?.on('data', (part: Buffer) => this.#heard(part));
    child.stderr?.resume();
    child.stdin?.on('error', () => {});
    child.once('close', () => this.#fail(new Refusal('unavailable', 'the mirror cannot be read')));
    child.once('error', () => this.#fail(new Refusal('unavailable', 'git cannot be run')));
    return (this.#child = child);
  }

  #heard(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    // Joined only once what is awaited can be whole.
    if (this.#bytes < this.#wantedBytes) return;
    let all = this.#parts.length === 1 && this.#parts[0] ? this.#parts[0] : Buffer.concat(this.#parts);
    for (let rest = this.#next(all); rest; rest = this.#next(all)) all = rest;
    this.#parts = [all];
    this.#bytes = all.length;
  }

  /** Takes one answer off; undefined when it is not whole. */
  #next(all: Buffer): Buffer | undefined {
    const first = this.#waiting[0];
    const end = all.indexOf('\n');
    this.#wantedBytes = 0;
    if (!first || end === -1) {
      if (all.length > longestHeader && first) this.close();
      return undefined;
    }
    const header = all.toString('utf8', 0, end);
    const size = Number(header.split(' ')[2]);
    const body = first.question === 'contents' && Number.isSafeInteger(size);
    const until = end + 1 + (body ? size + 1 : 0);
    if (all.length < until) {
      this.#wantedBytes = until;
      return undefined;
    }
    this.#waiting.shift();
    first.take({ header, body: body ? all.subarray(end + 1, end + 1 + size) : undefined });
    return all.subarray(until);
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#start.ended();
    for (const { fail } of this.#waiting.splice(0)) fail(this.#failed);
  }
}

/** The last events of the cluster in a file, so that a daemon that starts again still knows them. They are for people: the last few may be lost with the host. */
import { readFileSync, rmSync } from 'node:fs';
import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '#base/logger';

const fileName = 'events';
/** Whoever writes more than this in one line is left out. */
const lineLimit = 16 * 1024;

/** What comes within this time shares a write: a thousand nodes that come are three thousand lines. What a crash loses of it the log tells again. */
const gatherMs = 200;

/** A line each; what was cut off by a crash is no line. */
export class KeptEvents {
  readonly #path: string;
  readonly #kept: number;
  readonly #logger: Pick<Logger, 'warn'>;
  /** All that is kept, oldest first. */
  #lines: string[];
  /** Index of the newest log entry that the file told of when it was read. */
  #toldIndex: number;
  #inFile: number;
  /** Of `#lines` so many are not in the file yet. */
  #unwritten = 0;
  #writing: Promise<void> | undefined;
  /** Ends the time in which more may come. */
  #hurry: () => void = () => {};
  #failed = false;

  /** @param kept how many lines; the file holds twice as many at most */
  constructor(state: string, kept: number, logger: Pick<Logger, 'warn'>) {
    this.#path = join(state, fileName);
    this.#kept = kept;
    this.#logger = logger;
    const { lines, whole } = readLines(this.#path);
    // What would follow a line that was cut off would be a part of it: the file is written anew.
    this.#inFile = whole ? lines.length : Infinity;
    this.#lines = lines.slice(-kept);
    this.#toldIndex = Math.max(0, ...this.#lines.map(indexOf));
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Whether what the log's entry at `index` did was told before this daemon started. */
  had(index: number): boolean {
    return index <= this.#toldIndex;
  }

  keep(line: string): void {
    if (line.length > lineLimit || line.includes('\n')) return;
    this.#lines.push(line);
    if (this.#lines.length > this.#kept) this.#lines.shift();
    this.#unwritten = Math.min(this.#unwritten + 1, this.#kept);
    this.#writing ??= this.#write();
  }

  /** The node left its cluster. */
  async forget(): Promise<void> {
    this.#lines = [];
    this.#toldIndex = 0;
    this.#unwritten = 0;
    await this.stop();
    this.#inFile = 0;
    rmSync(this.#path, { force: true });
  }

  /** Resolves when all is written. */
  async stop(): Promise<void> {
    this.#hurry();
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#unwritten > 0) {
      await this.#gather();
      const lines = this.#lines.slice(-this.#unwritten);
      this.#unwritten = 0;
      try {
        await this.#put(lines);
        this.#failed = false;
      } catch (error) {
        // A line that is cut off is none: the next begins anew.
        this.#inFile = Infinity;
        if (!this.#failed) this.#logger.warn({ error: (error as Error).message }, 'events cannot be written: after a restart they are not known any more');
        this.#failed = true;
      }
    }
    // In one step with the last look: what comes from now on begins anew.
    this.#writing = undefined;
  }

  async #gather(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, gatherMs).unref();
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #put(lines: readonly string[]): Promise<void> {
    const text = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
    if (this.#inFile + lines.length <= 2 * this.#kept) {
      await appendFile(this.#path, text(lines), { mode: 0o600 });
      this.#inFile += lines.length;
      return;
    }
    const whole = [...this.#lines];
    this.#unwritten = 0;
    await writeFile(`${this.#path}.new`, text(whole), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
    this.#inFile = whole.length;
  }
}

function indexOf(line: string): number {
  try {
    const { index } = JSON.parse(line) as { index?: unknown };
    return typeof index === 'number' ? index : 0;
  } catch {
    return 0;
  }
}

function readLines(path: string): { lines: string[]; whole: boolean } {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    const rest = lines.pop();
    return { lines: lines.filter((line) => line !== '' && line.length <= lineLimit), whole: rest === '' };
  } catch {
    return { lines: [], whole: true };
  }
}

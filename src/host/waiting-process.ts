/** A tool that waits for the kernel's news and tells them line by line: it ends with us however we end, and is started again soon after it ended, later where that does not help. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Clock } from '#base/clock';
import { toolEnvironment } from './run.ts';

/** It would hold the host's network namespace, and reads nobody's words. */
const withUs = ['--pdeathsig', 'KILL'] as const;
/** Before it is started again; twice as long each time that it ended sooner than `againMs.most` after its start. */
const againMs = { least: 1000, most: 60_000 };

export interface WaitingCalls {
  /** It was started; it may not listen yet. */
  begun?(): void;
  heard(line: string): void;
  /** What happened since is told by nobody. */
  ended(): void;
}

export class WaitingProcess {
  readonly #command: readonly string[];
  readonly #clock: Clock;
  readonly #calls: WaitingCalls;
  #child: ChildProcess | undefined;
  #stopped = true;
  #begunAt = 0;
  #againMs = againMs.least;
  #cancel: () => void = () => {};

  constructor(command: readonly string[], clock: Clock, calls: WaitingCalls) {
    this.#command = command;
    this.#clock = clock;
    this.#calls = calls;
  }

  /** Its process; undefined while none runs. */
  get child(): ChildProcess | undefined {
    return this.#child;
  }

  start(): void {
    this.#stopped = false;
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #begin(): void {
    const child = spawn('setpriv', [...withUs, ...this.#command], { stdio: ['ignore', 'pipe', 'ignore'], env: toolEnvironment() });
    this.#child = child;
    this.#begunAt = this.#clock.monotonicNow();
    // Without descriptors for it there is none; the error comes in a moment.
    const output = child.stdout as Readable | null;
    if (output)
      createInterface({ input: output }).on('line', (line) => {
        if (this.#child === child) this.#calls.heard(line);
      });
    child.once('error', () => this.#ended(child));
    child.once('exit', () => this.#ended(child));
    this.#calls.begun?.();
  }

  #ended(child: ChildProcess): void {
    if (this.#child !== child || this.#stopped) return;
    this.#child = undefined;
    const held = this.#clock.monotonicNow() - this.#begunAt >= againMs.most;
    const delayMs = held ? againMs.least : this.#againMs;
    this.#againMs = Math.min(2 * delayMs, againMs.most);
    this.#cancel = this.#clock.after(delayMs, () => this.#begin());
    this.#calls.ended();
  }
}

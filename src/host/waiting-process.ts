/** A tool that waits for the kernel's news and tells them line by line: it ends with us however we end, and is started again a while after it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Clock } from '#base/clock';
import { toolEnvironment } from './run.ts';

/** It would hold the host's network namespace, and reads nobody's words. */
const withUs = ['--pdeathsig', 'KILL'] as const;
/** Before it is started again. */
const againMs = 60_000;

export interface WaitingCalls {
  /** It was started; it may not listen yet. */
  begun?(): void;
  heard(line: string): void;
  ended?(): void;
}

export class WaitingProcess {
  readonly #command: readonly string[];
  readonly #clock: Clock;
  readonly #calls: WaitingCalls;
  #child: ChildProcess | undefined;
  #stopped = true;
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
    this.#calls.ended?.();
    this.#cancel = this.#clock.after(againMs, () => this.#begin());
  }
}

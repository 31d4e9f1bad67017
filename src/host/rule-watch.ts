/** Tells when anybody has changed the kernel's rules: one process that waits stands in for many that would look. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { run, toolEnvironment } from './run.ts';

/** Ends with us however we end, for it holds the host's network namespace and reads nobody's words. */
const command = ['setpriv', '--pdeathsig', 'KILL', 'nft', 'monitor'] as const;
/** It does not say when it has begun to listen, so that it is called until it hears. */
const callEveryMs = 200;
const calls = 25;
/** Before it is started again after it ended. */
const againMs = 60_000;

export interface RuleWatchParts {
  clock: Clock;
  logger: Logger;
}

export class RuleWatch {
  readonly #instance: string;
  readonly #parts: RuleWatchParts;
  #child: ChildProcess | undefined;
  #heard = false;
  #changes = 0;
  #stopped = true;
  #cancel: () => void = () => {};
  #changed: () => void = () => {};

  /** `instance` keeps the daemons of one machine apart. */
  constructor(instance: string, parts: RuleWatchParts) {
    this.#instance = instance;
    this.#parts = parts;
  }

  /** How many changes were told of so far: what was right at one count is right until the next. Undefined while nobody watches, so that whoever wants to know has to look. */
  get changes(): number | undefined {
    return this.#heard ? this.#changes : undefined;
  }

  /** Begins to watch, which takes a moment. `changed` is called after each change, our own too. */
  start(changed: () => void): void {
    this.#stopped = false;
    this.#changed = changed;
    void this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#heard = false;
  }

  async #begin(): Promise<void> {
    const [program, ...args] = command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: toolEnvironment() });
    this.#child = child;
    child.stdout.on('data', () => this.#hear(child));
    child.once('error', () => this.#ended(child));
    child.once('exit', () => this.#ended(child));
    for (let call = 0; call < calls && this.#child === child && !this.#heard; call++) {
      await this.#call();
      if (!this.#heard) await pause(this.#parts.clock, callEveryMs);
    }
  }

  /** Makes and removes a table in one step, which nobody notices but who listens. */
  async #call(): Promise<void> {
    const table = `table ip shoal_call_${this.#instance.replaceAll(/\W/g, '_')}`;
    await run('nft', [`add ${table}; delete ${table}`], { timeoutMs: 5000 });
  }

  #hear(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#heard = true;
    this.#changes += 1;
    this.#changed();
  }

  #ended(child: ChildProcess): void {
    if (this.#child !== child || this.#stopped) return;
    this.#child = undefined;
    this.#heard = false;
    this.#parts.logger.debug({}, 'nothing tells of changed rules: they are looked at every 20 s until a watch runs again');
    this.#cancel = this.#parts.clock.after(againMs, () => void this.#begin());
  }
}

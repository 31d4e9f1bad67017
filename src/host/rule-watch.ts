/** Tells when anybody has changed the kernel's rules: one process that waits stands in for many that would look. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { run } from './run.ts';
import { WaitingProcess } from './waiting-process.ts';

/** It does not say when it has begun to listen, so that it is called until it hears. */
const callEveryMs = 200;
const calls = 25;
export interface RuleWatchParts {
  clock: Clock;
  logger: Logger;
}

export class RuleWatch {
  readonly #instance: string;
  readonly #parts: RuleWatchParts;
  readonly #process: WaitingProcess;
  #heard = false;
  #changes = 0;
  #changed: () => void = () => {};

  /** `instance` keeps the daemons of one machine apart. */
  constructor(instance: string, parts: RuleWatchParts) {
    this.#instance = instance;
    this.#parts = parts;
    this.#process = new WaitingProcess(['nft', 'monitor'], parts.clock, {
      begun: () => void this.#callUntilHeard(),
      heard: () => this.#hear(),
      ended: () => this.#ended(),
    });
  }

  /** How many changes were told of so far: what was right at one count is right until the next. Undefined while nobody watches, so that whoever wants to know has to look. */
  get changes(): number | undefined {
    return this.#heard ? this.#changes : undefined;
  }

  /** Begins to watch, which takes a moment. `changed` is called after each change, our own too. */
  start(changed: () => void): void {
    this.#changed = changed;
    this.#process.start();
  }

  stop(): void {
    this.#process.stop();
    this.#heard = false;
  }

  async #callUntilHeard(): Promise<void> {
    const { child } = this.#process;
    for (let call = 0; call < calls && this.#process.child === child && !this.#heard; call++) {
      await this.#call();
      if (!this.#heard) await pause(this.#parts.clock, callEveryMs);
    }
  }

  /** Makes and removes a table in one step, which nobody notices but who listens. */
  async #call(): Promise<void> {
    const table = `table ip shoal_call_${this.#instance.replaceAll(/\W/g, '_')}`;
    await run('nft', [`add ${table}; delete ${table}`], { timeoutMs: 5000 });
  }

  #hear(): void {
    this.#heard = true;
    this.#changes += 1;
    this.#changed();
  }

  #ended(): void {
    this.#heard = false;
    this.#parts.logger.debug({}, 'nothing tells of changed rules: they are looked at every 20 s until a watch runs again');
  }
}

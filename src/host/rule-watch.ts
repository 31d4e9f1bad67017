/** Tells when anybody has changed the kernel's rules: one process that waits stands in for many that would look. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { run } from './run.ts';
import { WaitingProcess } from './waiting-process.ts';

/** It does not say when it has begun to listen, so that it is called until it hears. */
const callEveryMs = 200;
const calls = 25;
/** It hears of what was done in order, and of all of it, unless it says that it lost something. */
const touching = /^[a-z]+ [a-z]+ ip6? (\S+)/;
const callPrefix = 'shoal_call_';
const endOfChange = '# new generation';
const answerPollMs = 20;
const answerLimitMs = 3000;

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
  /** Grows when something may have been missed. */
  #losses = 0;
  /** By table, of either family: transactions that changed something of it. */
  readonly #touches = new Map<string, number>();
  #touchedNow = new Set<string>();
  #calls = 0;
  /** Calls whose news somebody waits for. */
  readonly #awaited = new Set<string>();
  #changed: () => void = () => {};

  /** `instance` keeps the daemons of one machine apart. */
  constructor(instance: string, parts: RuleWatchParts) {
    this.#instance = instance;
    this.#parts = parts;
    this.#process = new WaitingProcess(['nft', 'monitor'], parts.clock, {
      begun: () => void this.#callUntilHeard(),
      heard: (line) => this.#hear(line),
      ended: () => this.#ended(),
    });
  }

  /** How many changes were told of so far: what was right at one count is right until the next. Undefined while nobody watches, so that whoever wants to know has to look. */
  get changes(): number | undefined {
    return this.#heard ? this.#changes : undefined;
  }

  /** Transactions of anybody that changed something of `table`, of either family; counts that were taken at other `losses` tell nothing. Undefined while nobody watches. */
  touches(table: string): number | undefined {
    return this.#heard ? (this.#touches.get(table) ?? 0) : undefined;
  }

  get losses(): number {
    return this.#losses;
  }

  /** Resolves when all that was done until now is counted; false where nobody watches. */
  async caughtUp(): Promise<boolean> {
    const { clock } = this.#parts;
    if (!this.#heard) return false;
    // By a name of its own: the answer to a call that somebody made before says nothing of what was done since.
    const table = this.#newCall();
    this.#awaited.add(table);
    await this.#call(table);
    const end = clock.monotonicNow() + answerLimitMs;
    while (this.touches(table) === 0 && clock.monotonicNow() < end) await pause(clock, answerPollMs);
    this.#awaited.delete(table);
    return this.#touches.delete(table);
  }

  /** Begins to watch, which takes a moment. `changed` is called after each change, our own too, and when one may have been missed. */
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
      await this.#call(this.#newCall());
      if (!this.#heard) await pause(this.#parts.clock, callEveryMs);
    }
  }

  /** Makes and removes a table in one step, which nobody notices but who listens. */
  async #call(table: string): Promise<void> {
    await run('nft', [`add table ip ${table}; delete table ip ${table}`], { timeoutMs: 5000 });
  }

  #newCall(): string {
    this.#calls += 1;
    return `${callPrefix}${this.#instance.replaceAll(/\W/g, '_')}_${this.#calls}`;
  }

  #hear(line: string): void {
    const [, table] = touching.exec(line) ?? [];
    if (table !== undefined && (!table.startsWith(callPrefix) || this.#awaited.has(table))) this.#touchedNow.add(table);
    if (!line.startsWith('#')) return;
    // Whatever else it says of itself, it may have missed something.
    if (!line.startsWith(endOfChange)) this.#losses += 1;
    for (const each of this.#touchedNow) this.#touches.set(each, (this.#touches.get(each) ?? 0) + 1);
    this.#touchedNow = new Set();
    this.#heard = true;
    this.#changes += 1;
    this.#changed();
  }

  #ended(): void {
    this.#heard = false;
    this.#losses += 1;
    this.#touchedNow = new Set();
    this.#parts.logger.debug({}, 'nothing tells of changed rules: they are looked at now, and every 20 s until a watch runs again');
    // A flush of everything can be what it died of.
    this.#changed();
  }
}

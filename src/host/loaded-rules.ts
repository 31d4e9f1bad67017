/** Our tables of one name in the kernel: loaded when they differ, looked after, removed. */
import type { Logger } from '#base/logger';
import type { Counters } from '#network/contract';
import type { RuleSet } from '#network/rules/rule-set';
import { listRules, loadRules, removeRules, rulesInForce, showsRevision } from './rule-table.ts';
import type { RuleWatch } from './rule-watch.ts';

export class LoadedRules {
  readonly #logger: Logger;
  readonly #counters = { rules_loaded: 0, rules_read: 0, repairs: 0 };
  readonly #watch: RuleWatch;
  #inForce: { rules: RuleSet; listing: string } | undefined;
  /** The watch's count when they were seen to be in force. */
  #rightAt: number | undefined;
  /** One thing at a time: an audit must not put back what a change has just replaced. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly table: string,
    { logger, watch }: { logger: Logger; watch: RuleWatch },
  ) {
    this.#logger = logger;
    this.#watch = watch;
  }

  /** Brings `rules` in force; true when the kernel had others. After a restart it may well have the right ones already. */
  load(rules: RuleSet): Promise<boolean> {
    return this.#alone(() => this.#load(rules));
  }

  async #load(rules: RuleSet): Promise<boolean> {
    const before = this.#inForce;
    if (before?.rules.revision === rules.revision) return false;
    const same = before === undefined && (await rulesInForce(rules));
    if (!same) await this.#write(rules);
    await this.#keep(rules);
    return !same;
  }

  /** Loads again what somebody else changed; a sentence when that was so. */
  audit(): Promise<string[]> {
    return this.#alone(() => this.#audit());
  }

  async #audit(): Promise<string[]> {
    if (!this.#inForce || !(await this.#wereChanged(this.#inForce))) return [];
    const { rules } = this.#inForce;
    this.#counters.repairs += 1;
    await this.#write(rules);
    await this.#keep(rules);
    return [`the nft table ${this.table} had been changed by someone else; it is as before again`];
  }

  /** Whether nobody changed what was loaded; without a watch, whether a flush or a removal left it. */
  whole(): Promise<boolean> {
    return this.#alone(async () => {
      if (!this.#inForce) return true;
      return this.#watch.changes === undefined ? rulesInForce(this.#inForce.rules) : !(await this.#wereChanged(this.#inForce));
    });
  }

  counters(): Counters {
    return this.#counters;
  }

  remove(): Promise<void> {
    return this.#alone(async () => {
      await removeRules(this.table);
      this.#inForce = undefined;
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #write(rules: RuleSet): Promise<void> {
    await loadRules(rules);
    this.#counters.rules_loaded += 1;
    this.#logger.debug({ table: this.table, revision: rules.revision }, 'the kernel has the rules of this revision from now on');
  }

  async #keep(rules: RuleSet): Promise<void> {
    const { changes } = this.#watch;
    this.#inForce = { rules, listing: await this.#list() };
    this.#rightAt = changes;
  }

  #list(): Promise<string> {
    this.#counters.rules_read += 1;
    return listRules(this.table);
  }

  async #wereChanged({ rules, listing }: { rules: RuleSet; listing: string }): Promise<boolean> {
    const { changes } = this.#watch;
    if (changes !== undefined && changes === this.#rightAt) return false;
    const now = await this.#list();
    // What was listed first is no proof: somebody may have been at the rules between our load of them and our first look.
    if (now !== listing || !showsRevision(now, rules)) return true;
    this.#rightAt = changes;
    return false;
  }
}

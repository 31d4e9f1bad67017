/** Our tables of one name in the kernel: loaded when they differ, looked after, removed. */
import type { Logger } from '#base/logger';
import type { Counters } from '#network/contract';
import type { RuleSet } from '#network/rules/rule-set';
import { listRules, loadRules, removeRules, rulesInForce } from './rule-table.ts';

export class LoadedRules {
  readonly #logger: Logger;
  readonly #counters = { rules_loaded: 0, repairs: 0 };
  #inForce: { rules: RuleSet; listing: string } | undefined;
  /** One thing at a time: an audit must not put back what a change has just replaced. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly table: string,
    logger: Logger,
  ) {
    this.#logger = logger;
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
    this.#inForce = { rules, listing: await listRules(this.table) };
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
    this.#inForce = { rules, listing: await listRules(this.table) };
    return [`the nft table ${this.table} had been changed by someone else; it is as before again`];
  }

  /** Whether a flush or a removal left what was loaded. */
  whole(): Promise<boolean> {
    return this.#alone(async () => this.#inForce === undefined || rulesInForce(this.#inForce.rules));
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

  async #wereChanged({ rules, listing }: { rules: RuleSet; listing: string }): Promise<boolean> {
    // The listing alone is no proof: somebody may have been at the rules between our load of them and our first look.
    return !(await rulesInForce(rules)) || (await listRules(this.table)) !== listing;
  }
}

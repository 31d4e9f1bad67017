/** Our tables of one name in the kernel: loaded when they differ, looked after, removed. */
import type { Logger } from '#base/logger';
import { OneByOne } from '#base/pace/one-by-one';
import type { Counters } from '#network/contract';
import { changeText, type RuleSet } from '#network/rules/rule-set';
import { listRules, loadRules, removeRules, rulesInForce, showsRevision } from './rule-table.ts';
import type { RuleWatch } from './rule-watch.ts';

/** Rules of another table that come with ours, at the price of no process of their own. */
export interface Beside {
  text: string;
  /** Called when the kernel has taken them; where it does not, or ours need not be written, they have to come by themselves. */
  loaded(): void;
}

export class LoadedRules {
  readonly #logger: Logger;
  readonly #counters = { rules_loaded: 0, rules_read: 0, repairs: 0 };
  readonly #watch: RuleWatch;
  #inForce: RuleSet | undefined;
  /** There is none, for we took it away. */
  #removed = false;
  /** As they were listed first, where no news explains them. */
  #listing: string | undefined;
  /** How often the watch is to have heard of the table, by what we did ourselves; undefined: that is to be found out. */
  #explained: { touches: number; losses: number } | undefined;
  /** One thing at a time: an audit must not put back what a change has just replaced. */
  readonly #works = new OneByOne();

  constructor(
    readonly table: string,
    { logger, watch }: { logger: Logger; watch: RuleWatch },
  ) {
    this.#logger = logger;
    this.#watch = watch;
  }

  /** Brings `rules` in force; true when the kernel had others. After a restart it may well have the right ones already. */
  load(rules: RuleSet, beside?: Beside): Promise<boolean> {
    return this.#works.alone(() => this.#load(rules, beside));
  }

  async #load(rules: RuleSet, beside: Beside | undefined): Promise<boolean> {
    const before = this.#inForce;
    if (before?.revision === rules.revision) return false;
    const same = before === undefined && !this.#removed && (await rulesInForce(rules));
    if (!same) await this.#write(rules, before, beside);
    await this.#keep(rules);
    return !same;
  }

  /** Loads again what somebody else changed; a sentence when that was so. */
  audit(): Promise<string[]> {
    return this.#works.alone(() => this.#audit());
  }

  async #audit(): Promise<string[]> {
    if (!this.#inForce || !(await this.#wereChanged(this.#inForce))) return [];
    const rules = this.#inForce;
    this.#counters.repairs += 1;
    this.#explained = undefined;
    await this.#write(rules);
    await this.#keep(rules);
    return [`the nft table ${this.table} had been changed by someone else; it is as before again`];
  }

  /** Whether nobody changed what was loaded; without a watch, whether a flush or a removal left it. */
  whole(): Promise<boolean> {
    return this.#works.alone(async () => {
      if (!this.#inForce) return true;
      return this.#watch.changes === undefined ? rulesInForce(this.#inForce) : !(await this.#wereChanged(this.#inForce));
    });
  }

  counters(): Counters {
    return this.#counters;
  }

  remove(): Promise<void> {
    return this.#works.alone(async () => {
      await removeRules(this.table);
      this.#inForce = undefined;
      this.#removed = true;
      // Somebody who brings it back meanwhile is heard of, and what is loaded next takes the place of that.
      if (this.#explained) this.#explained.touches += 1;
    });
  }

  /** What differs from `before`, where nobody else was at it; all of it where that is not what the kernel has. */
  async #write(rules: RuleSet, before?: RuleSet, beside?: Beside): Promise<void> {
    const known = this.#explained?.losses === this.#watch.losses ? this.#explained : undefined;
    const text = known ? changeText(before, rules) : rules.text;
    this.#explained = known ?? (await this.#counted());
    const loaded = await loadFirst(rules, [...(beside ? [text + beside.text] : []), text, ...(text === rules.text ? [] : [rules.text])]);
    if (beside && loaded === text + beside.text) beside.loaded();
    if (this.#explained) this.#explained.touches += 1;
    this.#counters.rules_loaded += 1;
    this.#logger.debug({ table: this.table, revision: rules.revision }, 'the kernel has the rules of this revision from now on');
  }

  /** How often the watch has heard of the table; undefined while nobody watches. */
  async #counted(): Promise<{ touches: number; losses: number } | undefined> {
    const { losses } = this.#watch;
    const touches = (await this.#watch.caughtUp()) ? this.#watch.touches(this.table) : undefined;
    return touches === undefined ? undefined : { touches, losses };
  }

  async #keep(rules: RuleSet): Promise<void> {
    this.#inForce = rules;
    this.#removed = false;
    this.#listing = this.#explained ? undefined : await this.#list();
  }

  #list(): Promise<string> {
    this.#counters.rules_read += 1;
    return listRules(this.table);
  }

  /** Of each change the watch tells whose table it was: what we did not do ourselves was somebody else. */
  async #wereChanged(rules: RuleSet): Promise<boolean> {
    const touches = this.#watch.touches(this.table);
    if (touches !== undefined && this.#explained?.losses === this.#watch.losses) return touches > this.#explained.touches;
    if (this.#listing === undefined) return this.#renew(rules);
    const counted = await this.#counted();
    const now = await this.#list();
    // What was listed first is no proof: somebody may have been at the rules between our load of them and our first look.
    if (now !== this.#listing || !showsRevision(now, rules)) return true;
    this.#explained = counted;
    return false;
  }

  /** Something may have been missed, and nothing tells what was there: what is whole is not hurt by being written again. */
  async #renew(rules: RuleSet): Promise<boolean> {
    if (!(await rulesInForce(rules))) return true;
    this.#explained = undefined;
    await this.#write(rules);
    await this.#keep(rules);
    return false;
  }
}

/** Brings `rules` in force by the first of `texts` that the kernel takes, and returns it. */
async function loadFirst(rules: RuleSet, [text = rules.text, ...others]: readonly string[]): Promise<string> {
  try {
    await loadRules(rules, text);
    return text;
  } catch (error) {
    if (others.length === 0) throw error;
    return await loadFirst(rules, others);
  }
}

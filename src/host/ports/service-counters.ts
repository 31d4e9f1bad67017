/** Counts connections by service in the kernel: rules of its own, which go on counting whatever becomes of the others. */
import type { PublishedPort } from '#network/published-ports';
import { countersAfter, countersIn, countRules, countTableName, serviceCounts, type ServiceCounts } from '#network/rules/count-rules';
import type { VirtualService } from '#network/virtual-services';
import { removeRules, withRuleFile } from '../rule-table.ts';
import type { Beside } from '../loaded-rules.ts';
import { run } from '../run.ts';

const limits = { timeoutMs: 10_000 };

export class ServiceCounters {
  readonly #table: string;
  /** Undefined: what an earlier life left is not known. */
  #known: ReadonlySet<string> | undefined;
  #loaded = '';
  #applying = false;

  constructor(instance: string) {
    this.#table = countTableName(instance);
  }

  /** The same as `apply`, to be loaded with other rules; undefined: nothing is to be done, or not yet: what there is has to be looked at first. */
  change(ports: readonly PublishedPort[], services: readonly VirtualService[]): Beside | undefined {
    const known = this.#known;
    const wanted = countRules(this.#table, ports, services, new Set());
    if (wanted === this.#loaded || known === undefined || this.#applying) return undefined;
    const text = countRules(this.#table, ports, services, known);
    return { text, loaded: () => this.#has(wanted, countersAfter(known, text)) };
  }

  /** Throws with nft's own words where the kernel does not take it: nothing but the counts depends on it. */
  async apply(ports: readonly PublishedPort[], services: readonly VirtualService[]): Promise<void> {
    const wanted = countRules(this.#table, ports, services, new Set());
    if (wanted === this.#loaded) return;
    this.#applying = true;
    const load = async (known: ReadonlySet<string>): Promise<void> => {
      const text = countRules(this.#table, ports, services, known);
      await this.#load(text);
      this.#has(wanted, countersAfter(known, text));
    };
    try {
      await load(this.#known ?? new Set((await this.#read()).keys()));
    } catch {
      // Somebody may have taken away what is known: what there is is looked at anew, and once.
      this.forget();
      await load(new Set((await this.#read()).keys()));
    } finally {
      this.#applying = false;
    }
  }

  #has(loaded: string, known: ReadonlySet<string>): void {
    this.#loaded = loaded;
    this.#known = known;
  }

  /** False when somebody took away what was loaded. */
  async whole(): Promise<boolean> {
    if (this.#known === undefined || this.#known.size === 0) return true;
    const there = await this.#read();
    return [...this.#known].every((name) => there.has(name));
  }

  async #load(text: string): Promise<void> {
    await withRuleFile(text, async (file) => {
      const { code, stderr } = await run('nft', ['-f', file], limits);
      if (code !== 0) throw new Error(stderr.trim());
    });
  }

  /** Since they were counted first on this host; somebody who removes the table begins anew. */
  async counts(): Promise<ServiceCounts> {
    return serviceCounts(await this.#read());
  }

  /** Somebody flushed rules: what was loaded may be gone. */
  forget(): void {
    this.#loaded = '';
    this.#known = undefined;
  }

  async remove(): Promise<void> {
    this.forget();
    await removeRules(this.#table);
  }

  async #read(): Promise<Map<string, number>> {
    const { code, stdout } = await run('nft', ['-j', 'list', 'counters', 'table', 'ip', this.#table], limits);
    return code === 0 ? countersIn(stdout) : new Map<string, number>();
  }
}

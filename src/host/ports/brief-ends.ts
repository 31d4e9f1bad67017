/** Has the kernel forget soon what has ended of the connections that it leads. */
import type { Logger } from '#base/logger';
import { briefEndsTable, briefEndsText } from '#network/rules/brief-ends';
import { removeRules, withRuleFile } from '../rule-table.ts';
import { run } from '../run.ts';

const limits = { timeoutMs: 5000 };

export class BriefEnds {
  readonly #table: string;
  readonly #logger: Logger;

  /** @param table that of the ports' rules */
  constructor(table: string, logger: Logger) {
    this.#table = table;
    this.#logger = logger;
  }

  /** Everything else goes on where the kernel does not take it. */
  async load(): Promise<void> {
    const { code, stderr } = await withRuleFile(briefEndsText(this.#table), (file) => run('nft', ['-f', file], limits));
    if (code === 0) return;
    this.#logger.warn(
      { reason: stderr.trim().split('\n')[0] },
      'the kernel keeps no timeouts of single connections (CONFIG_NF_CONNTRACK_TIMEOUT): a client who uses a port again while a task ends here may be cut off, once in very many times',
    );
  }

  async remove(): Promise<void> {
    await removeRules(briefEndsTable(this.#table));
  }
}

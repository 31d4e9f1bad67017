/** Our nftables tables in the kernel: load, compare, remove. */
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuleSet } from '#network/rules/rule-set';
import { run } from './run.ts';

const limits = { timeoutMs: 20_000 };

/** Brings `rules` in force by `text` as one transaction; connections that are alive stay as they are. Throws with nft's own words. */
export async function loadRules(rules: RuleSet, text = rules.text): Promise<void> {
  await withRuleFile(text, async (file) => {
    const result = await run('nft', ['-f', file], limits);
    if (result.code !== 0) throw new Error(`nft refused the rule set ${rules.revision}: ${result.stderr.trim()}`);
  });
}

/** Asks the kernel whether it would take `rules`, changing nothing; the reason when not. */
export async function tryRules(rules: RuleSet): Promise<string | undefined> {
  return withRuleFile(rules.text, async (file) => {
    const result = await run('nft', ['-c', '-f', file], limits);
    return result.code === 0 ? undefined : result.stderr.trim();
  });
}

/** True when the revision of `rules` is the one in the kernel. A flushed table has lost the rule in its revision chain. */
export async function rulesInForce({ table, revision }: Pick<RuleSet, 'table' | 'revision'>): Promise<boolean> {
  const { code, stdout } = await run('nft', ['list', 'chain', 'ip', table, revision], limits);
  return code === 0 && stdout.includes('return');
}

/** The tables as nft shows them; empty when they are not there. One run for each: nft shows no second table in a run. */
export async function listRules(table: string): Promise<string> {
  const lists = await Promise.all(['ip', 'ip6'].map((family) => run('nft', ['list', 'table', family, table], limits)));
  return lists.map(({ stdout }) => stdout).join('');
}

/** True when `listing` shows the revision of `rules`. */
export function showsRevision(listing: string, { revision }: Pick<RuleSet, 'revision'>): boolean {
  return new RegExp(`chain ${revision} \\{\\s+return`).test(listing);
}

/** True when a daemon's tables are in the kernel; after the removal of our own it can only be another's. */
export async function otherRulesExist(): Promise<boolean> {
  const { stdout } = await run('nft', ['list', 'tables', 'ip'], limits);
  return /^table ip shoal(_\w+)?$/m.test(stdout);
}

/** Removes the tables; fine when there are none. */
export async function removeRules(table: string): Promise<void> {
  await withRuleFile(['ip', 'ip6'].map((family) => `table ${family} ${table}\ndelete table ${family} ${table}\n`).join(''), async (file) => {
    const { code, stderr } = await run('nft', ['-f', file], limits);
    if (code !== 0) throw new Error(`cannot remove the nft tables ${table}: ${stderr.trim()}`);
  });
}

/** nft cannot read Node's standard input where that is a socket; so the text goes through a file that only we can read. A folder for it would be twice the calls of the disk, for each container that starts. */
export async function withRuleFile<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const file = join(tmpdir(), `shoal-nft-${randomUUID()}`);
  try {
    // One that somebody laid there, or a link, is not written to.
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    return await use(file);
  } finally {
    await rm(file, { force: true });
  }
}

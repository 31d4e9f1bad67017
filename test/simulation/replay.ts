/** Plays one seed again: all of it, or with the faults that a shrunk run was left with. */
import { play, shrink } from '#test/support/shrink';
import type { Tier } from './tier.ts';

/** What stands for no fault at all. */
const noFault = 'none';

export interface Replayed {
  /** All promises were kept, and twice the same happened. */
  readonly well: boolean;
  readonly lines: readonly string[];
}

/** The command that plays exactly this run again. */
export function commandOf(tier: Tier, seed: number, faults?: readonly string[]): string {
  const some = faults && ` --faults ${faults.length > 0 ? faults.join(',') : noFault}`;
  return `npm run simulate -- --tier ${tier.name} --seed ${seed}${some ?? ''}`;
}

export function faultsOf(text: string): string[] {
  return text === noFault ? [] : text.split(',');
}

/** What is left of a failing seed, for people, with the command that plays just that; nothing when it keeps its promises. */
export async function shrunkLines(tier: Tier, seed: number): Promise<string[]> {
  const found = await shrink(tier, seed);
  if (!found) return [];
  const { names, lines } = found.least.faults;
  const count = `${names.length} of ${found.all.faults.names.length} faults left after ${found.replays} replays`;
  return [`shrunk: ${found.least.broken?.message}`, `${count}:`, ...lines.map((line) => `  ${line}`), `again: ${commandOf(tier, seed, names)}`];
}

/** Plays a seed twice: it must do the same both times, also where it fails. */
export async function replay(tier: Tier, seed: number, only?: readonly string[]): Promise<Replayed> {
  const [first, second] = [await play(tier, seed, only), await play(tier, seed, only)];
  const end = (played: typeof first): string => (played.broken ? played.broken.message : `trace ${played.trace}`);
  const same = end(first) === end(second) && first.faults.names.join() === second.faults.names.join();
  const lines = [`${tier.name} seed ${seed}: ${first.broken?.stack ?? end(first)}`, same ? 'the same twice' : `but the second time: ${end(second)}`];
  const missing = only?.filter((name) => !first.faults.names.includes(name)) ?? [];
  if (missing.length > 0) lines.push(`never met: ${missing.join(', ')}`);
  if (first.broken && !only) lines.push(...(await shrunkLines(tier, seed)));
  if (only) lines.push(...first.faults.lines);
  return { well: same && !first.broken && missing.length === 0, lines };
}

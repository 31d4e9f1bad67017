/** Looks for what is wrong with a tier: its guided scripts first, then seed after seed. */
import { commandOf, replay } from '#test/simulation/replay';
import { parseCommand } from '#test/simulation/command';
import { isFinding, type Tier } from '#test/simulation/tier';
import { play, shrink } from './shrink.ts';

export interface Find {
  /** What found it. */
  readonly by: string;
  /** Seeds played until then; 0 when a guided script found it. */
  readonly seeds: number;
  readonly message: string;
  /** False when the code merely does not run. */
  readonly finding: boolean;
}

function found(by: string, seeds: number, error: unknown): Find {
  return { by, seeds, message: error instanceof Error ? `${error.name} ${error.message}` : String(error), finding: isFinding(error) };
}

/** The first failure among the guided scripts and the seeds 1 to `seeds`; undefined when all goes well. */
export async function hunt(tier: Tier, seeds: number): Promise<Find | undefined> {
  for (const script of tier.guided) {
    try {
      await script.run();
    } catch (error) {
      return found(`script "${script.name}"`, 0, error);
    }
  }
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await tier.run(seed);
    } catch (error) {
      return found(`seed ${seed}`, seed, error);
    }
  }
  return undefined;
}

/** What became of the first seed that fails, in data that can be posted. */
export interface ShrunkFind {
  readonly seed: number;
  /** Names of all its faults, and of those that are left. */
  readonly all: readonly string[];
  readonly left: readonly string[];
  readonly replays: number;
  readonly message: string;
  /** What is printed for it. */
  readonly command: string;
  /** What the command prints. */
  readonly again: readonly string[];
}

export async function huntAndShrink(tier: Tier, seeds: number): Promise<ShrunkFind | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    if (!(await play(tier, seed)).broken) continue;
    const found = await shrink(tier, seed);
    if (!found) throw new Error(`seed ${seed} fails once and not again`);
    const { all, least, replays } = found;
    const command = commandOf(tier, seed, least.faults.names);
    const told = parseCommand(command.split(' ').slice(4));
    const { lines } = await replay(tier, Number(told.seed), told.faults);
    return { seed, all: all.faults.names, left: least.faults.names, replays, message: least.broken?.message ?? '', command, again: lines };
  }
  return undefined;
}

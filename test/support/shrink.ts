/** Makes the faults of a failing seed as few as can be while the run still breaks the same promise. */
import { Violation, type Tier } from '#test/simulation/tier';
import { Faults } from './faults.ts';

export interface Played {
  /** Which promise the run broke; undefined when it kept all. */
  readonly broken: { readonly check: string; readonly message: string; readonly stack: string } | undefined;
  /** Trace of a run that kept its promises. */
  readonly trace: string | undefined;
  readonly faults: Faults;
}

/** Plays a seed with all its faults, or with `only` some of them. */
export async function play(tier: Tier, seed: number, only?: Iterable<string>): Promise<Played> {
  const faults = new Faults(only);
  try {
    return { broken: undefined, trace: (await tier.run(seed, faults)).trace, faults };
  } catch (error) {
    const { name, message, stack } = error as Error;
    return { broken: { check: error instanceof Violation ? error.check : name, message, stack: stack ?? message }, trace: undefined, faults };
  }
}

export interface Shrunk {
  readonly all: Played;
  /** The run with the fewest faults that breaks the same promise. */
  readonly least: Played;
  readonly replays: number;
}

/** Leaves out faults by halves, then quarters, down to single ones until none can go or the tier's replays are used up; undefined when the seed does not fail. */
export async function shrink(tier: Tier, seed: number): Promise<Shrunk | undefined> {
  const all = await play(tier, seed);
  if (!all.broken) return undefined;
  let least = all;
  let replays = 0;
  const fails = async (names: readonly string[]): Promise<boolean> => {
    replays++;
    const played = await play(tier, seed, names);
    if (played.broken?.check !== all.broken?.check) return false;
    least = played;
    return true;
  };
  for (let size = least.faults.names.length; size >= 1 && replays < tier.replays;) {
    const before = least.faults.names.length;
    for (let at = 0; at < least.faults.names.length && replays < tier.replays;) {
      if (!(await fails(least.faults.names.toSpliced(at, size)))) at += size;
    }
    // One that could not go may go once another is gone.
    if (size > 1) size = Math.ceil(size / 2);
    else if (least.faults.names.length === before) break;
  }
  return { all, least, replays };
}

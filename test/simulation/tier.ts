/** What every tier of the simulation offers to the runner, the tests and the hunt for planted faults. */
import type { Faults } from '#test/support/faults';

/** What one seed did. */
export interface Outcome {
  /** The same seed must give the same trace, event by event. */
  readonly trace: string;
  /** What happened how often: what a campaign never did, it did not test. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A story told step by step, for what random seeds meet too seldom. Throws when a promise is broken. */
export interface Guided {
  readonly name: string;
  run(): void | Promise<void>;
}

export interface Tier {
  readonly name: string;
  readonly guided: readonly Guided[];
  /** Plays one seed to its end, with those of its faults that `faults` lets happen. Throws a Violation, or the error of a broken invariant. */
  run(seed: number, faults?: Faults): Outcome | Promise<Outcome>;
  /** The least of some counts that a campaign must reach, per 100 seeds: a run that commits or restores nothing proves nothing. */
  readonly minimums: Readonly<Record<string, number>>;
  /** How often a failing seed is played again at most to find out which of its faults it needs. */
  readonly replays: number;
}

/** A promise that was broken, told from outside the parts under test. */
export class Violation extends Error {
  override readonly name = 'Violation';
  constructor(
    /** Names the check, so that a shrunk run is known to break the same promise. */
    readonly check: string,
    message: string,
  ) {
    super(`${check}: ${message}`);
  }
}

/** True for what a check or an assertion of the parts themselves says; any other error only shows that the code does not run. */
export function isFinding(error: unknown): error is Error {
  return error instanceof Error && ['Violation', 'InvariantError', 'Amnesia', 'Divergence', 'Refusal'].includes(error.name);
}

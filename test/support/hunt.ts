/** Looks for what is wrong with a tier: its guided scripts first, then seed after seed. */
import { isFinding, type Tier } from '#test/simulation/tier';

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

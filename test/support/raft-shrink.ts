/** Makes a failing plan as small as it can be while it still breaks the same promise. */
import { Violation } from '#test/simulation/tier';
import { planText, type Happening, type Knobs, type Plan } from './raft-plan.ts';
import { RaftSimulation } from './raft-simulation.ts';

/** Runs tried at most. */
const patience = 500;

/** Which promise `plan` breaks; undefined when it keeps all. */
function broken(plan: Plan): { readonly check: string; readonly message: string } | undefined {
  try {
    new RaftSimulation(plan).run();
    return undefined;
  } catch (error) {
    const { name, message } = error as Error;
    return { check: error instanceof Violation ? error.check : name, message };
  }
}

const quiet: Partial<Knobs> = {
  loss: 0,
  duplicate: 0,
  longDelay: 0,
  slowDisk: 0,
  batch: 0,
  drift: 0,
  falseReport: 0,
  unreachable: 0,
  applySlice: 1e9,
  snapshotEvery: 1e9,
  destroyRemoved: false,
  heal: 'all',
};

/** Leaves out happenings by halves, then quarters, down to single ones; then calms one knob after the other. */
function shrinkPlan(plan: Plan, check: string): Plan {
  let runs = 0;
  let best = plan;
  const better = (candidate: Plan): boolean => {
    if (runs++ >= patience || broken(candidate)?.check !== check) return false;
    best = candidate;
    return true;
  };
  for (let size = Math.ceil(best.happenings.length / 2); size >= 1 && runs < patience; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.happenings.length;) {
      const rest: Happening[] = best.happenings.filter((_, index) => index < at || index >= at + size);
      if (!better({ ...best, happenings: rest })) at += size;
    }
  }
  for (const [name, value] of Object.entries(quiet)) better({ ...best, knobs: { ...best.knobs, [name]: value } });
  return best;
}

/** What is left of a failing plan, for people; nothing when it keeps its promises. */
export function shrunk(plan: Plan): string[] {
  const first = broken(plan);
  if (!first) return [];
  const least = shrinkPlan(plan, first.check);
  return [`${first.check}, with ${least.happenings.length} of ${plan.happenings.length} happenings: ${broken(least)?.message}`, ...planText(least)];
}

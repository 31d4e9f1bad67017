/** The pass: every stage over the overlay, again and again until none has anything left to do. */
import type { Overlay } from '#store/overlay';
import type { Stage, StageContext } from '#store/stage';
import type { DirtySet } from './dirty.ts';

/** Rounds after which stages that still act are taken to work against each other. */
const roundLimit = 16;

export interface PassResult {
  /** No stage has anything left to do. */
  settled: boolean;
  /** Earliest time (ms) at which a stage wants to look again. */
  wakeAt?: number;
}

/** Lays the stages' actions over `overlay` and notes in `dirty` what they touch. */
export function runPass(overlay: Overlay, stages: readonly Stage[], context: Omit<StageContext, 'scope'>, dirty: DirtySet): PassResult {
  for (let round = 1; ; round++) {
    const before = overlay.actions.length;
    const wakeTimes: number[] = [];
    for (const stage of stages) {
      const { actions, wakeAt } = stage(overlay, { ...context, scope: dirty.scope });
      dirty.touch(overlay, actions);
      overlay.lay(actions);
      if (wakeAt !== undefined) wakeTimes.push(wakeAt);
    }
    const settled = overlay.actions.length === before;
    // The round in which nothing happened has seen the final state, so its times are the right ones.
    if (settled || round === roundLimit) {
      return { settled, ...(wakeTimes.length > 0 && { wakeAt: Math.min(...wakeTimes) }) };
    }
  }
}

/** The pass: every stage over the overlay, again and again until none has anything left to do, or the entry is full. */
import type { Steps } from '#base/pace/steps';
import type { Overlay } from '#store/overlay';
import type { Stage, StageContext, StageResult, Wake } from '#store/stage';
import { DirtySet } from './dirty.ts';

/** Rounds after which stages that still act are taken to work against each other. */
const roundLimit = 16;
/** Actions that are laid over the view in one step. */
const laidAStep = 20;

export interface PassResult {
  /** False when the stages work against each other. */
  settled: boolean;
  /** There is more to do than the entry takes: what the next pass has to look at. */
  more?: DirtySet;
  /** When to look again at what the stages looked at; the last word on each counts. */
  wakes: readonly Wake[];
}

/** Lays the stages' actions over `overlay`, which rests on what nothing may change between two steps. What the entry holds already stands in the context's room. */
export function* runPass(overlay: Overlay, stages: readonly Stage[], context: Omit<StageContext, 'scope'>, dirty: DirtySet): Steps<PassResult> {
  const wakes: Wake[] = [];
  // A round looks at what changed since each stage looked last: in the round before, or later in this one.
  for (let round = 1, seen = dirty; ; round++) {
    const before = overlay.actions.length;
    const next = new DirtySet();
    let full = false;
    for (const stage of stages) {
      const result = stage(overlay, { ...context, scope: unite(seen, next) });
      const { actions, rest, wakes: asked = [] } = isInSteps(result) ? yield* result : result;
      for (let at = 0; at < actions.length; at += laidAStep) {
        const some = actions.slice(at, at + laidAStep);
        next.touch(overlay, some);
        overlay.lay(some);
        for (const action of some) context.room.count(action);
        yield;
      }
      for (const wake of asked) wakes.push(wake);
      yield;
      if (!rest) continue;
      full = true;
      next.add(rest);
    }
    if (full) return { settled: true, more: next, wakes };
    const settled = overlay.actions.length === before;
    if (settled || round === roundLimit) return { settled, wakes };
    seen = next;
  }
}

function isInSteps(result: StageResult | Steps<StageResult>): result is Steps<StageResult> {
  return Symbol.iterator in result;
}

function unite(seen: DirtySet, next: DirtySet): StageContext['scope'] {
  if (seen.scope === 'all' || next.empty) return seen.scope;
  const both = new DirtySet();
  both.add(seen.scope);
  both.add(next.scope);
  return both.scope;
}

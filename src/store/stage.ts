/** The shape that every stage of the pass has: a function of a view that returns actions. */
import type { Random } from '#base/random';
import type { Action } from './action.ts';
import type { View } from './view.ts';

export interface StageContext {
  /** Leader's time, milliseconds. */
  now: number;
  newId: () => string;
  random: Random;
  /** Narrows the scan; a full scan gives the same actions. */
  scope: Scope;
}

/** What the last commits touched, or everything. */
export type Scope = 'all' | { services: ReadonlySet<string>; nodes: ReadonlySet<string>; tasks: ReadonlySet<string> };

export interface StageResult {
  actions: readonly Action[];
  /** Earliest time (ms) at which the stage wants to run again though nothing changed. */
  wakeAt?: number;
}

/** Orchestrator, allocator and scheduler each are one. They never await, read a clock or log in order to decide. */
export type Stage = (view: View, context: StageContext) => StageResult;

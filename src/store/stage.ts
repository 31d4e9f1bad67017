/** The shape that every stage of the pass has: a function of a view that returns actions. */
import type { Random } from '#base/random';
import type { Steps } from '#base/pace/steps';
import type { Action } from './action.ts';
import type { Room } from './room.ts';
import type { View } from './view.ts';

/** Whether a network's address was somebody's until lately: it comes after those that were not. */
export type Resting = (networkId: string, address: number) => boolean;

export interface StageContext {
  /** Leader's time, milliseconds. */
  now: number;
  newId: () => string;
  random: Random;
  /** Narrows the scan; a full scan gives the same actions. */
  scope: Scope;
  /** Without it nothing rests. */
  resting?: Resting | undefined;
  /** What still fits into the entry: a stage whose action is not admitted stops there and says what is left in `rest`. */
  room: Room;
}

/** What to look at: what changed since the stages looked last, what is due, or everything. */
export type Scope = 'all' | NarrowScope;

export interface NarrowScope {
  /** Services that changed, that have a task that changed, or that are due. */
  services: ReadonlySet<string>;
  /** Services whose object changed or is gone. */
  specs: ReadonlySet<string>;
  /** Nodes whose object changed or is gone, or that are due. */
  nodes: ReadonlySet<string>;
  /** Nodes on which tasks take something else than before. */
  loads: ReadonlySet<string>;
  /** A task that has no place yet came or changed. */
  waiting: boolean;
  /** A network changed, or addresses became free. */
  networks: boolean;
}

/** When (ms) to look at a service or a node again though nothing may change until then; without `at`: no more. */
export interface Wake {
  kind: 'service' | 'node';
  id: string;
  at?: number;
}

export interface StageResult {
  actions: readonly Action[];
  /** One for each service and node that was looked at and may have a deadline. */
  wakes?: readonly Wake[];
  /** What the stage did not come to for want of room: the next entry goes on with it. */
  rest?: Partial<NarrowScope>;
}

/**
 * Orchestrator, allocator and scheduler each are one. They never await, read a clock or log in order to decide. What may take long
 * comes in steps: between two of them others have their turn, and the view stays as it is.
 */
export type Stage = (view: View, context: StageContext) => StageResult | Steps<StageResult>;

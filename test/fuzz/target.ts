/** What a fuzz target is: inputs from a seed, and a judge for each. */
import type fc from 'fast-check';

export interface FuzzTarget<T> {
  name: string;
  inputs: fc.Arbitrary<T>;
  /** Made once for a run. */
  start(): Promise<FuzzRun<T>>;
}

export interface FuzzRun<T> {
  /** What is wrong with the answer to one input; undefined when all is well. A throw counts as wrong. */
  judge(input: T): Promise<string | undefined> | string | undefined;
  stop(): Promise<void>;
}

/** A target whose inputs nobody else needs to know. */
export type AnyTarget = FuzzTarget<unknown>;

export function target<T>(made: FuzzTarget<T>): AnyTarget {
  return made as AnyTarget;
}

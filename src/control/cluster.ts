/** The cluster as its users see it: reads, use cases and events. The manager is one; tests have a small one. */
import type { Random } from '#base/random';
import type { Action, StoreEvent } from '#store/action';
import type { View } from '#store/view';

/** What a use case may ask for beside the view. */
export interface UseCaseContext {
  now: number;
  newId: () => string;
  random: Random;
}

/** A request, checked against a view: actions to commit and what to answer. Throws Refusal. */
export type UseCase<R> = (view: View, context: UseCaseContext) => { actions: readonly Action[]; result: R };

export interface Cluster {
  /** A view that holds everything acknowledged so far. Refuses with `unavailable` when this node is no manager. */
  read(): Promise<View>;
  /**
   * Decides on the newest view, runs the pass over it, and resolves when the one entry is durable. No actions: no entry.
   * A refusal with the fact `outcome: 'unknown'` leaves open whether it took effect: asked again under the same `id`, it
   * does so once, and the answer is that of the first time.
   */
  submit<R>(useCase: UseCase<R>, id?: string): Promise<R>;
  /** Calls `listener` with each commit's events, after they can be read; returns the way out. */
  watch(listener: (events: readonly StoreEvent[]) => void): () => void;
}

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

/** The id under which a request may be sent again, and a digest of what it asks: one id is for one thing only. */
export type RequestName = [id?: string | undefined, asked?: string | undefined];

export interface Cluster {
  /** A view that holds everything acknowledged so far. Refuses with `unavailable` when this node is no manager. */
  read(): Promise<View>;
  /**
   * Decides on the newest view, runs the pass over it, and resolves when the one entry is durable. No actions: no entry.
   * A refusal with the fact `outcome: 'unknown'` leaves open whether it took effect: asked again under the same `id`, it
   * does so once, and the answer is that of the first time; `outcome: 'none'`: another one is about to lead and takes it. Refuses what was asked as something else under the same id.
   */
  submit<R>(useCase: UseCase<R>, ...named: RequestName): Promise<R>;
  /** Calls `listener` with each commit's events, after they can be read; returns the way out. */
  watch(listener: (events: readonly StoreEvent[]) => void): () => void;
}

/** Task states in their order (swarmkit api/types.proto); an observed state never goes back. */

const order = {
  new: 0,
  pending: 64,
  assigned: 192,
  accepted: 256,
  preparing: 320,
  ready: 384,
  starting: 448,
  running: 512,
  complete: 576,
  shutdown: 640,
  failed: 704,
  rejected: 768,
  remove: 800,
  orphaned: 832,
} as const;

export type TaskState = keyof typeof order;

/** All states by name, in their order. */
export const taskStates = Object.keys(order) as readonly TaskState[];

/** Negative when `a` comes before `b`. */
export function compareStates(a: TaskState, b: TaskState): number {
  return order[a] - order[b];
}

/** The task has ended, one way or another. */
export function isTerminal(state: TaskState): boolean {
  return order[state] > order.running;
}

/** It has ended and not well. */
export function isFailure(state: TaskState): boolean {
  return state === 'failed' || state === 'rejected' || state === 'orphaned';
}

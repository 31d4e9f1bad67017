/** Before a task is told to stop: who is connected to it may come to an end. */
import { type Clock, pause } from '#base/clock';
import type { NodeNetwork } from '#network/contract';
import { drainOf } from '#model/options/drain';
import type { Task } from '#model/object/task';

const lookEveryMs = 200;

/** Resolves when nobody is connected to the task, for whom nobody new comes any more, or its service waits no longer; at once where `hurries`. */
export async function drained(
  task: Task | undefined,
  { network, clock }: { network: NodeNetwork; clock: Clock },
  hurries: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const limitMs = task ? drainOf(task) : 0;
  if (!task || limitMs === 0) return;
  const end = clock.monotonicNow() + limitMs;
  while (clock.monotonicNow() < end && !signal.aborted && !hurries() && (await network.ports.connected(task.ID))) await pause(clock, lookEveryMs, signal);
}

/** Brings statuses to the dispatcher: the last one of each task, many in one call. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { busyReason, reportsPerCall, type DispatcherSession, type TaskStatusUpdate } from '#model/object/assignment';
import type { TaskStatus } from '#model/object/task';
import { keptStatus } from '#model/task-status';

/** Statuses that follow one another within this time are reported as one. */
const flushDelayMs = 20;
/** Of one call; no report is longer by itself. */
const bytesPerCall = 1024 * 1024;
/** Before a manager that was busy hears the same again. */
const againMs = 1000;

export class StatusReporter {
  /** At most one entry a task. */
  readonly #pending = new Map<string, TaskStatus>();
  #session: DispatcherSession | undefined;
  #cancelTimer: (() => void) | undefined;
  #sending = false;

  constructor(
    readonly clock: Clock,
    readonly logger: Logger,
  ) {}

  /** Statuses go to `session` from now on; undefined: they wait for the next one. */
  use(session: DispatcherSession | undefined): void {
    this.#session = session;
    this.#schedule();
  }

  /** Something is on its way to a manager, or about to be. */
  get waits(): boolean {
    return this.#sending || (this.#session !== undefined && this.#pending.size > 0);
  }

  report(taskId: string, status: TaskStatus): void {
    this.#pending.set(taskId, keptStatus(status));
    this.#schedule();
  }

  #schedule(delayMs = flushDelayMs): void {
    if (this.#cancelTimer || this.#sending || !this.#session || this.#pending.size === 0) return;
    this.#cancelTimer = this.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const session = this.#session;
    if (!session || this.#sending || this.#pending.size === 0) return;
    const updates = this.#take();
    let delayMs = flushDelayMs;
    this.#sending = true;
    try {
      await session.updateTaskStatus(updates);
    } catch (error) {
      // Back into the queue, unless something newer came; closing makes the session loop open the next one.
      for (const { taskId, status } of updates) if (!this.#pending.has(taskId)) this.#pending.set(taskId, status);
      if (error instanceof Refusal && error.facts['reason'] === busyReason) {
        delayMs = againMs;
        return;
      }
      this.logger.warn(
        { err: error, count: updates.length },
        'the manager did not take what this node says of its tasks: it is kept, and said again on a new connection',
      );
      if (this.#session === session) this.#session = undefined;
      session.close();
    } finally {
      this.#sending = false;
      this.#schedule(delayMs);
    }
  }

  /** As much as one call brings, of what waits. */
  #take(): TaskStatusUpdate[] {
    const updates: TaskStatusUpdate[] = [];
    let bytes = 0;
    for (const [taskId, status] of this.#pending) {
      bytes += Buffer.byteLength(JSON.stringify(status));
      if (updates.length === reportsPerCall || (updates.length > 0 && bytes > bytesPerCall)) break;
      updates.push({ taskId, status });
      this.#pending.delete(taskId);
    }
    return updates;
  }
}

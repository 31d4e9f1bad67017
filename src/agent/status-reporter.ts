/** Brings statuses to the dispatcher: the last one of each task, many in one call. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { DispatcherSession, TaskStatusUpdate } from '#model/object/assignment';
import type { TaskStatus } from '#model/object/task';
import { statusText } from '#model/task-status';

/** Statuses that follow one another within this time are reported as one. */
const flushDelayMs = 20;
const updatesPerCall = 1000;

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

  report(taskId: string, status: TaskStatus): void {
    this.#pending.set(taskId, withShortError(status));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#cancelTimer || this.#sending || !this.#session || this.#pending.size === 0) return;
    this.#cancelTimer = this.clock.after(flushDelayMs, () => {
      this.#cancelTimer = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const session = this.#session;
    if (!session || this.#sending || this.#pending.size === 0) return;
    const updates: TaskStatusUpdate[] = [];
    for (const [taskId, status] of this.#pending) {
      if (updates.length === updatesPerCall) break;
      updates.push({ taskId, status });
      this.#pending.delete(taskId);
    }
    this.#sending = true;
    try {
      await session.updateTaskStatus(updates);
    } catch (error) {
      // Back into the queue, unless something newer came; closing makes the session loop open the next one.
      for (const { taskId, status } of updates) if (!this.#pending.has(taskId)) this.#pending.set(taskId, status);
      this.logger.warn(
        { err: error, count: updates.length },
        'the manager did not take what this node says of its tasks: it is kept, and said again on a new connection',
      );
      if (this.#session === session) this.#session = undefined;
      session.close();
    } finally {
      this.#sending = false;
      this.#schedule();
    }
  }
}

/** What an engine or a plugin says may be long: the managers keep no more, and take calls of some length only. */
function withShortError(status: TaskStatus): TaskStatus {
  return status.Err === undefined ? status : { ...status, Err: statusText(status.Err) };
}

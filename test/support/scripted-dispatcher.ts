/** A dispatcher that says what a test tells it to, and keeps what agents report. */
import type { AssignmentChange, AssignmentMessage, AttachmentChange, DispatcherSession, OpenSession, TaskStatusUpdate } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { TaskStatus } from '#model/object/task';

export class ScriptedDispatcher {
  /** Every accepted call of updateTaskStatus. */
  readonly reports: (readonly TaskStatusUpdate[])[] = [];
  readonly statuses = new Map<string, TaskStatus>();
  readonly descriptions: NodeDescription[] = [];
  sessions = 0;
  /** Calls of open, refused ones too. */
  attempts = 0;
  beats = 0;
  /** Calls of leave. */
  left = 0;
  /** Set to make calls fail. */
  refuse: { open?: boolean | Error; report?: boolean } = {};
  #complete: readonly AssignmentChange[] = [];
  #current: ScriptedSession | undefined;

  readonly open: OpenSession = async (_nodeId, description) => {
    this.attempts++;
    if (this.refuse.open) throw this.refuse.open === true ? new Error('no dispatcher') : this.refuse.open;
    this.sessions++;
    this.descriptions.push(description);
    this.#current?.close();
    this.#current = new ScriptedSession(this);
    this.#current.send({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: this.#complete });
    return this.#current;
  };

  readonly acknowledged: number[] = [];
  readonly attachments: AttachmentChange[] = [];
  /** Asked before a task counts as left by all other nodes. */
  /** Asked before a node is let go. */
  beforeLeft: () => Promise<void> = async () => {};
  beforeWithdrawn: (taskId: string) => Promise<void> = async () => {};

  /** The whole set, for the session that is open and those that follow. */
  assign(changes: readonly AssignmentChange[]): void {
    this.#complete = changes;
    this.#current?.send({ type: 'complete', appliesTo: 0, resultsIn: 1, changes });
  }

  /** A change after `appliesTo`. */
  change(appliesTo: number, changes: readonly AssignmentChange[]): void {
    this.#current?.send({ type: 'incremental', appliesTo, resultsIn: appliesTo + 1, changes });
  }

  send(message: AssignmentMessage): void {
    this.#current?.send(message);
  }

  endSession(): void {
    this.#current?.close();
  }

  /** States of a task in the order of their reports. */
  states(taskId: string): readonly string[] {
    return this.reports.flatMap((updates) => updates.filter((update) => update.taskId === taskId).map((update) => update.status.State));
  }

  state(taskId: string): string | undefined {
    return this.statuses.get(taskId)?.State;
  }
}

class ScriptedSession implements DispatcherSession {
  async pause(): Promise<void> {}

  async leave(): Promise<void> {
    this.dispatcher.left++;
    await this.dispatcher.beforeLeft();
    this.close();
  }

  async acknowledge(resultsIn: number): Promise<void> {
    this.dispatcher.acknowledged.push(resultsIn);
  }

  withdrawn(taskId: string): Promise<void> {
    return this.dispatcher.beforeWithdrawn(taskId);
  }

  async changeAttachment(change: AttachmentChange): Promise<string> {
    this.dispatcher.attachments.push(change);
    return 'taskId' in change ? change.taskId : `guest-${change.containerId}`;
  }

  readonly #queue: AssignmentMessage[] = [];
  #closed = false;
  #wake = () => {};

  constructor(readonly dispatcher: ScriptedDispatcher) {}

  send(message: AssignmentMessage): void {
    this.#queue.push(message);
    this.#wake();
  }

  async *assignments(): AsyncGenerator<AssignmentMessage> {
    while (!this.#closed) {
      const message = this.#queue.shift();
      if (message) yield message;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async updateTaskStatus(updates: readonly TaskStatusUpdate[]): Promise<void> {
    if (this.#closed || this.dispatcher.refuse.report) throw new Error('session invalid');
    this.dispatcher.reports.push(updates);
    for (const { taskId, status } of updates) this.dispatcher.statuses.set(taskId, status);
  }

  async heartbeat(): Promise<number> {
    if (this.#closed) throw new Error('session invalid');
    this.dispatcher.beats++;
    return 50;
  }

  async updateDescription(description: NodeDescription): Promise<void> {
    this.dispatcher.descriptions.push(description);
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }
}

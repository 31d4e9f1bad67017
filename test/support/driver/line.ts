/** A node's line to one manager: what goes over it takes time, and nothing comes any more when it is broken. */
import { Refusal } from '#base/refusal';
import type { AssignmentMessage, DispatcherSession, TaskStatusUpdate } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { DriverWorld } from './driver-world.ts';

export interface LineCalls {
  told(message: AssignmentMessage): void;
  /** The managers have said that nobody leads to the task any more. */
  withdrawn(taskId: string): void;
}

export class Line implements DispatcherSession {
  /** Ends this end. */
  readonly break: () => void;
  readonly #broken: Promise<never>;
  readonly #world: DriverWorld;
  readonly #latencyMs: number;
  readonly #calls: LineCalls;
  #session: DispatcherSession | undefined;

  constructor(world: DriverWorld, latencyMs: number, calls: LineCalls) {
    this.#world = world;
    this.#latencyMs = latencyMs;
    this.#calls = calls;
    let cut = (): void => {};
    this.#broken = new Promise<never>((_, reject) => (cut = () => reject(new Refusal('unavailable', 'the line broke'))));
    this.#broken.catch(() => {});
    this.break = () => {
      cut();
      // The manager sees the connection end; one that is dead sees nothing.
      this.#session?.close();
    };
  }

  use(session: DispatcherSession): void {
    this.#session = session;
  }

  /** What is asked over the line, unless it breaks before the answer is here. */
  async over<T>(asked: Promise<T>): Promise<T> {
    asked.catch(() => {});
    const answer = await Promise.race([asked, this.#broken]);
    await Promise.race([this.#travel(), this.#broken]);
    return answer;
  }

  async *assignments(): AsyncGenerator<AssignmentMessage> {
    const messages = this.#open.assignments()[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.over(messages.next());
      if (next.done) return;
      this.#calls.told(next.value);
      yield next.value;
    }
  }

  updateTaskStatus(updates: readonly TaskStatusUpdate[]): Promise<void> {
    return this.#ask((session) => session.updateTaskStatus(updates));
  }

  heartbeat(): Promise<number> {
    return this.#ask((session) => session.heartbeat());
  }

  updateDescription(description: NodeDescription): Promise<void> {
    return this.#ask((session) => session.updateDescription(description));
  }

  pause(): Promise<void> {
    return this.#ask((session) => session.pause());
  }

  leave(): Promise<void> {
    return this.#ask((session) => session.leave());
  }

  acknowledge(resultsIn: number): Promise<void> {
    return this.#ask((session) => session.acknowledge(resultsIn));
  }

  async withdrawn(taskId: string): Promise<void> {
    await this.#ask((session) => session.withdrawn(taskId));
    this.#calls.withdrawn(taskId);
  }

  changeAttachment(change: Parameters<DispatcherSession['changeAttachment']>[0]): Promise<string> {
    return this.#ask((session) => session.changeAttachment(change));
  }

  close(): void {
    this.break();
  }

  get #open(): DispatcherSession {
    if (!this.#session) throw new Refusal('unavailable', 'the line is not open');
    return this.#session;
  }

  async #ask<T>(ask: (session: DispatcherSession) => Promise<T>): Promise<T> {
    await Promise.race([this.#travel(), this.#broken]);
    return await this.over(ask(this.#open));
  }

  async #travel(): Promise<void> {
    if (this.#latencyMs > 0) await this.#world.pause(this.#latencyMs);
  }
}

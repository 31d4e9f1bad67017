/**
 * Tells the node's network what each running container really got, again when that changes.
 * The rule: nobody is led to a task before its container can answer all by whom clients come, as the managers named them when it was made ready.
 */
import { type Clock, isDoneWithin, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repetition } from '#base/pace/repetition';
import type { ComingAttachment, NodeNetwork, TaskAttachment } from '#network/contract';
import { retryDelayMs } from '#task/attempt';
import type { ObservedContainer } from '#task/step';

/** One that cannot be made ready in one way is told of again so often. */
const tellEveryMs = 30_000;

/** How long a task waits for ports and ways of its node that cannot be brought in force, of which the log tells each time. */
const upToDateLimitMs = 10_000;

/** What of a task waits for its network; `reason` is why it could not be made ready the last time. */
export interface Unattached {
  reason?: string;
}

export class Attachments {
  /** task → what was told last. */
  readonly #told = new Map<string, string>();

  /** Tasks that were told of and are not ready yet. */
  readonly #waiting = new Map<string, Unattached>();
  /** Tasks whose network was told of them before their containers ran. */
  readonly #coming = new Set<string>();
  readonly #failures = new Repetition(tellEveryMs);

  constructor(
    readonly modules: { network: NodeNetwork; clock: Clock; logger: Logger },
    readonly calls: {
      /** Resolves when all that the managers have said up to now is in force on this node; undefined: it is. */
      upToDate(): Promise<void> | undefined;
      /** Why it could not be brought in force when that was tried last. */
      whyNot(): string | undefined;
      /** Whether the task asks for name servers of its own. */
      goesOn(taskId: string): boolean;
      /** What is to be decided on the task may be another thing now. */
      changed(taskId: string): void;
    },
    readonly signal: AbortSignal,
  ) {}

  /** Undefined once what the task's container has got is ready. */
  waits(taskId: string): Unattached | undefined {
    return this.#waiting.get(taskId);
  }

  /** Before a container starts that has name servers of its own: what it asks at once, nobody could answer rightly without knowing of it. */
  async coming(taskId: string, networks: ComingAttachment['networks']): Promise<void> {
    if (networks.length === 0 || !this.calls.goesOn(taskId)) return;
    this.#coming.add(taskId);
    await this.modules.network.attaching({ taskId, networks, goesOn: true });
  }

  /** The task is nobody's any more. Returns whether the network was told of a container that never ran. */
  gone(taskId: string): boolean {
    return this.#coming.delete(taskId);
  }

  /** The containers as they were seen; again when other tasks are known, for these say by which servers a container asks. */
  seen(containers: ReadonlyMap<string, ObservedContainer>, taskIds: Iterable<string>): void {
    for (const taskId of taskIds) {
      const container = containers.get(taskId);
      // Off its networks it is nobody's neighbour: back on them, it is made ready anew.
      if (container?.pid === undefined || container.networks.length === 0) this.#forget(taskId);
      else this.#tell(taskId, container.pid, container);
    }
  }

  #tell(taskId: string, pid: number, { networks }: ObservedContainer): void {
    const goesOn = this.calls.goesOn(taskId);
    const facts = `${pid} ${goesOn} ${networks.map(({ networkId, address, macAddress }) => `${networkId} ${address} ${macAddress}`).join(' ')}`;
    if (this.#told.get(taskId) === facts) return;
    this.#told.set(taskId, facts);
    this.#waiting.set(taskId, {});
    void this.#makeReady(taskId, { taskId, pid, networks, ...(goesOn && { goesOn }) }, () => this.#told.get(taskId) === facts);
  }

  /** Until it is, or another container has taken the place of this one. */
  async #makeReady(taskId: string, attachment: TaskAttachment, isMeant: () => boolean): Promise<void> {
    const { network, clock, logger } = this.modules;
    while (isMeant() && !this.signal.aborted) {
      try {
        await network.attached(attachment);
        // By whom clients come may just be on its way. Who comes later waits for this node's word, which is this container's too from now on.
        const pending = this.calls.upToDate();
        if (pending) await this.#within(taskId, pending);
        if (pending && isMeant()) await network.attached(attachment);
        if (!isMeant()) return;
        this.#waiting.delete(taskId);
        return this.calls.changed(taskId);
      } catch (error) {
        if (!isMeant()) return;
        if (this.#failures.tell(taskId, clock.monotonicNow()) !== undefined)
          logger.warn(
            { task: taskId, err: error },
            'a container could not answer clients who come to other nodes: its task is not running until it can, and it is tried again in 1 s',
          );
        this.#waits(taskId, (error as Error).message);
        await pause(clock, retryDelayMs, this.signal);
      }
    }
  }

  /** What keeps the whole node from being up to date, another service's network it may be, keeps no task from running for ever; meanwhile the task says why it waits. */
  async #within(taskId: string, pending: Promise<void>): Promise<void> {
    const { clock } = this.modules;
    const end = clock.monotonicNow() + upToDateLimitMs;
    while (clock.monotonicNow() < end && !(await isDoneWithin(clock, pending, retryDelayMs, this.signal)) && !this.signal.aborted) {
      const reason = this.calls.whyNot();
      if (reason !== undefined) this.#waits(taskId, reason);
    }
  }

  #waits(taskId: string, reason: string): void {
    if (this.#waiting.has(taskId)) this.#waiting.set(taskId, { reason: `its node’s network is not ready: ${reason}` });
    this.calls.changed(taskId);
  }

  #forget(taskId: string): void {
    this.#told.delete(taskId);
    this.#waiting.delete(taskId);
  }
}

/** Tells the node's network what each running container really got, again when that changes. */
import type { Logger } from '#base/logger';
import type { NodeNetwork } from '#network/contract';
import type { ObservedContainer } from '#task/step';

export class Attachments {
  /** task → what was told last. */
  readonly #told = new Map<string, string>();

  /** Tasks that were told of and are not ready yet, with the same text. */
  readonly #waiting = new Map<string, string>();

  constructor(
    readonly modules: { network: NodeNetwork; logger: Logger },
    /** The task's network is ready, or could not be made so: it goes on without. */
    readonly settled: (taskId: string) => void,
  ) {}

  /** Whether what the task's container has got is being made ready. */
  waits(taskId: string): boolean {
    return this.#waiting.has(taskId);
  }

  /** The containers as they were seen. What could not be made ready is told again with the next look. */
  seen(containers: ReadonlyMap<string, ObservedContainer>, taskIds: Iterable<string>): void {
    for (const taskId of taskIds) {
      const container = containers.get(taskId);
      // Off its networks it is nobody's neighbour: back on them, it is made ready anew.
      if (container?.pid === undefined || container.networks.length === 0) this.#forget(taskId);
      else this.#tell(taskId, container.pid, container);
    }
  }

  #tell(taskId: string, pid: number, { networks }: ObservedContainer): void {
    const facts = `${pid} ${networks.map(({ networkId, address, macAddress }) => `${networkId} ${address} ${macAddress}`).join(' ')}`;
    if (this.#told.get(taskId) === facts) return;
    this.#told.set(taskId, facts);
    this.#waiting.set(taskId, facts);
    const ready = this.modules.network.attached({ taskId, pid, networks }).catch((error: unknown) => {
      if (this.#told.get(taskId) === facts) this.#told.delete(taskId);
      this.modules.logger.warn(
        { task: taskId, err: error },
        'a container’s network could not be made ready: it may not reach its own published port, nor answer clients of other nodes; it is tried again with the next look at it',
      );
    });
    void ready.then(() => {
      if (this.#waiting.get(taskId) !== facts) return;
      this.#waiting.delete(taskId);
      this.settled(taskId);
    });
  }

  #forget(taskId: string): void {
    this.#told.delete(taskId);
    this.#waiting.delete(taskId);
  }
}

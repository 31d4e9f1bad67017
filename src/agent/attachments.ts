/** Tells the node's network what each running container really got, again when that changes. */
import type { Logger } from '#base/logger';
import type { NodeNetwork } from '#network/contract';
import type { ObservedContainer } from '#task/step';

export class Attachments {
  /** task → what was told last. */
  readonly #told = new Map<string, string>();

  constructor(readonly modules: { network: NodeNetwork; logger: Logger }) {}

  /** The containers as they were seen. What could not be made ready is told again with the next look. */
  seen(containers: ReadonlyMap<string, ObservedContainer>, taskIds: Iterable<string>): void {
    for (const taskId of taskIds) {
      const container = containers.get(taskId);
      // Off its networks it is nobody's neighbour: back on them, it is made ready anew.
      if (container?.pid === undefined || container.networks.length === 0) this.#told.delete(taskId);
      else this.#tell(taskId, container.pid, container);
    }
  }

  #tell(taskId: string, pid: number, { networks }: ObservedContainer): void {
    const facts = `${pid} ${networks.map(({ networkId, address, macAddress }) => `${networkId} ${address} ${macAddress}`).join(' ')}`;
    if (this.#told.get(taskId) === facts) return;
    this.#told.set(taskId, facts);
    this.modules.network.attached({ taskId, pid, networks }).catch((error: unknown) => {
      this.#told.delete(taskId);
      this.modules.logger.warn(
        { task: taskId, err: error },
        'a container’s network could not be made ready: it may not reach its own published port; it is tried again with the next look at it',
      );
    });
  }
}

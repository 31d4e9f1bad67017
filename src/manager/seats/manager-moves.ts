/** The leader's care for where the managers are: one that says that it has another address is known there as soon as it is reached there. */
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { moveManager, noteUnreached } from '#control/nodes';
import { managerAddress, roleOf } from '#model/manager-address';
import type { Node } from '#model/object/node';
import type { MemberChanges, Standing } from '#replica/replicated-log';
import type { StoreEvent } from '#store/action';
import type { View } from '#store/view';
import { LookingDuty, type LookingDutyParts } from '../looking-duty.ts';

export interface ManagerMovesParts extends LookingDutyParts {
  /** This leader: nobody has to reach it to know where it is. */
  nodeId: string;
  standing: () => Standing | undefined;
  members: () => Pick<MemberChanges, 'add'>;
  /** Refuses where manager `nodeId` does not answer at `address`, HOST:PORT. */
  checkSeated: (address: string, nodeId: string) => Promise<void>;
  logger: Logger;
}

interface Move {
  id: string;
  from: string;
  to: string;
}

/** Who was not reached is looked for again after this: its host may just be on its way to the new address. */
const retryMs = 5000;

/**
 * One who says so is believed where his certificate answers: two that have swapped addresses are both found, and one that says the address of another is
 * not. Who votes stays as it is; until it is written the lines that the moved one has dialled itself carry what is said to it.
 */
export class ManagerMoves extends LookingDuty<ManagerMovesParts> {
  /** Those that were not reached, by id: where, and when they are looked for again (monotonic). */
  readonly #unreached = new Map<string, { to: string; againMs: number }>();

  protected override async look(): Promise<void> {
    const view = await this.parts.cluster.read();
    const moves = this.#moves(view);
    for (const id of this.#unreached.keys()) if (!moves.some((move) => move.id === id)) this.#unreached.delete(id);
    for (const move of moves) {
      const waits = this.#waitMs(move);
      if (waits > 0) this.looks.askIn(waits);
      else await this.#carryOut(move);
    }
  }

  #waitMs({ id, to }: Move): number {
    const unreached = this.#unreached.get(id);
    return unreached?.to === to ? unreached.againMs - this.parts.clock.monotonicNow() : 0;
  }

  #moves(view: View): Move[] {
    const group = new Set(this.parts.standing()?.members.map(({ id }) => id));
    return [...view.list('node')].flatMap((node) => {
      const to = saidPlace(node);
      const from = managerAddress(node);
      return to !== undefined && to !== from && group.has(node.ID) ? [{ id: node.ID, from, to }] : [];
    });
  }

  async #carryOut({ id, from, to }: Move): Promise<void> {
    const { cluster, nodeId, members, checkSeated, clock, logger } = this.parts;
    try {
      if (id !== nodeId) await checkSeated(to, id);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#unreached.set(id, { to, againMs: clock.monotonicNow() + retryMs });
      this.looks.askIn(retryMs);
      await cluster.submit(noteUnreached(id, error.message));
      return;
    }
    // Those who agree first: a leader that goes in between leaves what the next one finds to do.
    await members().add({ id, address: to });
    await cluster.submit(moveManager(id, to));
    logger.info({ manager: id, from, to }, 'a manager has another address: all are told of it');
  }

  protected override concerns({ kind, object }: StoreEvent): boolean {
    if (kind !== 'node' || !object) return false;
    const said = saidPlace(object as Node);
    return said !== undefined && said !== managerAddress(object as Node);
  }

  protected override refused({ message }: Refusal): void {
    this.parts.logger.warn({ error: message }, 'a manager has another address, and that is not written yet: tried again in a few seconds');
    this.looks.askIn(retryMs);
  }
}

/** Of a manager that is heard, where it is by its own word. */
function saidPlace(node: Node): string | undefined {
  return roleOf(node) === 'manager' && node.Spec.Role === 'manager' && node.Status.State === 'ready' ? node.Description?.Shoal?.ManagerAddr : undefined;
}

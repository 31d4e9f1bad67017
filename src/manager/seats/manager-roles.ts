/** The leader's care for who the managers are: what the nodes' roles say and who really agrees are made the same. */
import type { Logger } from '#base/logger';
import type { Refusal } from '#base/refusal';
import { unseatManager } from '#control/nodes';
import { managerAddress, roleOf } from '#model/manager-address';
import type { MemberChanges, Standing } from '#replica/replicated-log';
import type { StoreEvent } from '#store/action';
import type { View } from '#store/view';
import { LookingDuty, type LookingDutyParts } from '../looking-duty.ts';

export interface ManagerRolesParts extends LookingDutyParts {
  /** This leader. */
  nodeId: string;
  standing: () => Standing | undefined;
  members: () => Pick<MemberChanges, 'add' | 'remove'>;
  logger: Logger;
}

type Step = { type: 'add'; id: string; address: string } | { type: 'remove'; id: string } | { type: 'unseat'; id: string };

/** What could not be done is tried again after this. */
const retryMs = 1000;

export class ManagerRoles extends LookingDuty<ManagerRolesParts> {
  /** Said once, however often it is tried. */
  #told: string | undefined;

  protected override async look(): Promise<void> {
    const step = this.#next(await this.parts.cluster.read());
    if (!step) return;
    await this.#take(step);
    this.#told = undefined;
    this.looks.ask();
  }

  /** Workers come and go by the thousand, and who agrees stays the same. */
  protected override concerns({ kind, object, previous }: StoreEvent): boolean {
    return kind === 'node' && [object, previous].some((node) => node !== undefined && (node.Spec.Role === 'manager' || roleOf(node) === 'manager'));
  }

  protected override refused({ message }: Refusal): void {
    if (message !== this.#told)
      this.parts.logger.warn({ error: message }, 'the managers are not those that the nodes should make them yet: tried again every second');
    this.#told = message;
    this.looks.askIn(retryMs);
  }

  async #take(step: Step): Promise<void> {
    const { cluster, members, logger } = this.parts;
    if (step.type === 'add') return await members().add(step);
    if (step.type === 'unseat') return await cluster.submit(unseatManager(step.id));
    await members().remove(step.id);
    logger.info({ manager: step.id }, 'a manager was let go: it votes no longer');
  }

  /** One thing at a time; the leader itself goes last, for with it goes the duty. */
  #next(view: View): Step | undefined {
    const { standing, nodeId } = this.parts;
    const group = standing();
    if (!group) return undefined;
    const members = new Map(group.members.map((member) => [member.id, member.address]));
    const leaving: Step[] = [];
    for (const node of view.list('node')) {
      const { ID: id } = node;
      const seated = roleOf(node) === 'manager';
      if (node.Spec.Role === 'manager' && seated && !members.has(id)) return { type: 'add', id, address: managerAddress(node) };
      if (node.Spec.Role === 'worker' && members.has(id)) leaving.push({ type: 'remove', id });
      else if (node.Spec.Role === 'worker' && seated) leaving.push({ type: 'unseat', id });
    }
    for (const id of members.keys()) if (id !== nodeId && !view.get('node', id)) leaving.push({ type: 'remove', id });
    return leaving.find(({ id }) => id !== nodeId) ?? leaving[0];
  }
}

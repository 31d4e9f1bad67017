/** The leader's care for which program the nodes run: one after the other is told, and the next one when that one is back. */
import type { Logger } from '#base/logger';
import type { Refusal } from '#base/refusal';
import { advanceRollout, nameIn, type ManagersSeen, type RolloutStep } from '#control/release/rollout';
import { shortDigest } from '#model/release/release';
import { clusterOf, type View } from '#store/view';
import type { StoreEvent } from '#store/action';
import { LookingDuty, type LookingDutyParts } from '../looking-duty.ts';

export interface ReleaseRolloutParts extends LookingDutyParts {
  managers: () => ManagersSeen | undefined;
  /** Hears of each step, by the name of the repository that declares the release. */
  tell: (repository: string, message: string) => void;
  logger: Logger;
}

/** Time passes, windows open, managers answer again: none of it is a change of a node. */
const lookAgainMs = 2000;

export class ReleaseRollout extends LookingDuty<ReleaseRolloutParts> {
  /** Where nothing is wanted, what nodes become is of no account. */
  #wanted = false;
  /** Said once, however often it is looked. */
  #said: string | undefined;

  protected override async look(): Promise<void> {
    const { cluster, managers } = this.parts;
    const view = await cluster.read();
    this.#wanted = clusterOf(view)?.Shoal?.Release !== undefined;
    if (!this.#wanted) return void (this.#said = undefined);
    const step = await cluster.submit(advanceRollout(managers()));
    if (!step) return;
    this.#say(await cluster.read(), step);
    if (step.type === 'wait' || step.type === 'tell') this.looks.askIn(lookAgainMs);
  }

  protected override concerns({ kind }: StoreEvent): boolean {
    return kind === 'cluster' || (kind === 'node' && this.#wanted);
  }

  protected override refused({ message }: Refusal): void {
    this.parts.logger.info({ error: message }, 'the release of the program could not be looked after: tried again');
    this.looks.askIn(lookAgainMs);
  }

  #say(view: View, step: RolloutStep): void {
    const release = clusterOf(view)?.Shoal?.Release;
    const repository = release && view.get('repository', release.Repository);
    const text = `release ${shortDigest(release?.Digest ?? '')}: ${sentence(view, step)}`;
    const began = this.#said !== undefined;
    if (!repository || text === this.#said) return;
    this.#said = text;
    // Each leader finds what the one before has done.
    if (began || step.type === 'tell' || step.type === 'pause') this.parts.tell(repository.Spec.Name, text);
  }
}

function sentence(view: View, step: RolloutStep): string {
  if (step.type !== 'tell' && step.type !== 'pause') return step.type === 'paused' ? `paused: ${step.text}` : step.text;
  const name = nameIn(view, step.node);
  return step.type === 'tell' ? `node ${name} takes it up` : `paused: node ${name}: ${step.text}`;
}

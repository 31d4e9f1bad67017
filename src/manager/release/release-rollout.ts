/** The leader's care for which program the nodes run: one after the other is told, and the next one when that one is back. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { advanceRollout, nameIn, type ManagersSeen, type RolloutStep } from '#control/release/rollout';
import { shortDigest } from '#model/release/release';
import { clusterOf, type View } from '#store/view';
import type { Duty } from '../leader-duties.ts';

export interface ReleaseRolloutParts {
  cluster: Cluster;
  managers: () => ManagersSeen | undefined;
  /** Hears of each step, by the name of the repository that declares the release. */
  tell: (repository: string, message: string) => void;
  clock: Clock;
  logger: Logger;
}

/** Time passes, windows open, managers answer again: none of it is a change of a node. */
const lookAgainMs = 2000;

export class ReleaseRollout implements Duty {
  readonly #parts: ReleaseRolloutParts;
  readonly #looks: Repeater;
  #unwatch: () => void = () => {};
  /** Where nothing is wanted, what nodes become is of no account. */
  #wanted = false;
  /** Said once, however often it is looked. */
  #said: string | undefined;

  constructor(parts: ReleaseRolloutParts) {
    this.#parts = parts;
    this.#looks = new Repeater(
      () => this.#look(),
      (error) => this.#failed(error),
      parts.clock,
    );
  }

  async start(): Promise<void> {
    const { cluster } = this.#parts;
    this.#unwatch = cluster.watch((events) => {
      if (events.some(({ kind }) => kind === 'cluster' || (kind === 'node' && this.#wanted))) this.#looks.ask();
    });
    this.#looks.ask();
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.#looks.stop();
  }

  async #look(): Promise<void> {
    const { cluster, managers } = this.#parts;
    const view = await cluster.read();
    this.#wanted = clusterOf(view)?.Shoal?.Release !== undefined;
    if (!this.#wanted) return void (this.#said = undefined);
    const step = await cluster.submit(advanceRollout(managers()));
    if (!step) return;
    this.#say(await cluster.read(), step);
    if (step.type === 'wait' || step.type === 'tell') this.#looks.askIn(lookAgainMs);
  }

  #failed(error: unknown): void {
    if (!(error instanceof Refusal)) throw error;
    this.#parts.logger.info({ error: error.message }, 'the release of the program could not be looked after: tried again');
    this.#looks.askIn(lookAgainMs);
  }

  #say(view: View, step: RolloutStep): void {
    const release = clusterOf(view)?.Shoal?.Release;
    const repository = release && view.get('repository', release.Repository);
    const text = `release ${shortDigest(release?.Digest ?? '')}: ${sentence(view, step)}`;
    const began = this.#said !== undefined;
    if (!repository || text === this.#said) return;
    this.#said = text;
    // Each leader finds what the one before has done.
    if (began || step.type === 'tell' || step.type === 'pause') this.#parts.tell(repository.Spec.Name, text);
  }
}

function sentence(view: View, step: RolloutStep): string {
  if (step.type !== 'tell' && step.type !== 'pause') return step.type === 'paused' ? `paused: ${step.text}` : step.text;
  const name = nameIn(view, step.node);
  return step.type === 'tell' ? `node ${name} takes it up` : `paused: node ${name}: ${step.text}`;
}

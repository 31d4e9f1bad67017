/** A duty that looks at what the cluster is: at its beginning, and again as soon as something changed that concerns it. */
import type { Clock } from '#base/clock';
import { Repeater } from '#base/pace/repeater';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import type { StoreEvent } from '#store/action';
import type { Duty } from './leader-duties.ts';

export interface LookingDutyParts {
  cluster: Cluster;
  clock: Clock;
}

export abstract class LookingDuty<Parts extends LookingDutyParts> implements Duty {
  protected readonly parts: Parts;
  /** One look at a time. */
  protected readonly looks: Repeater;
  #unwatch: () => void = () => {};

  constructor(parts: Parts) {
    this.parts = parts;
    this.looks = new Repeater(
      () => this.look(),
      (error) => {
        if (!(error instanceof Refusal)) throw error;
        this.refused(error);
      },
      parts.clock,
    );
  }

  async start(): Promise<void> {
    this.#unwatch = this.parts.cluster.watch((events) => {
      if (events.some((event) => this.concerns(event))) this.looks.ask();
    });
    this.looks.ask();
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.looks.stop();
  }

  protected abstract look(): Promise<void>;

  /** Whether a change is a reason to look again. */
  protected abstract concerns(event: StoreEvent): boolean;

  /** A look was refused: says when the next one is. Any other failure reaches the process. */
  protected abstract refused(refusal: Refusal): void;
}

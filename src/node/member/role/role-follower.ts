/** Makes of a node what its managers want, step by step; what they say meanwhile is followed next. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { roleStep } from '#ca/role-step';
import { isFull } from '#disk/file-system';

export type RoleStep = NonNullable<ReturnType<typeof roleStep>>;

export interface RoleFollowerParts {
  /** As things are now. */
  next: () => RoleStep | undefined;
  /** Each can be taken again where it was refused, or found no room on the disk. */
  steps: Readonly<Record<RoleStep, () => Promise<void>>>;
  ended: AbortSignal;
  /** Of what no further try mends. */
  onFatal: (error: unknown) => void;
  clock: Clock;
  logger: Logger;
}

/** Before a step is taken once more. */
const retryMs = 1000;

export class RoleFollower {
  readonly #parts: RoleFollowerParts;
  #changing = false;
  #following: Promise<void> = Promise.resolve();

  constructor(parts: RoleFollowerParts) {
    this.#parts = parts;
  }

  follow(): void {
    if (!this.#changing) this.#following = this.#change();
  }

  /** Resolves when nothing is under way. */
  get settled(): Promise<void> {
    return this.#following;
  }

  async #change(): Promise<void> {
    const { next, steps, ended, onFatal, clock, logger } = this.#parts;
    this.#changing = true;
    let told = '';
    for (let step = next(); step && !ended.aborted; step = next()) {
      try {
        await steps[step]();
      } catch (error) {
        if (!(error instanceof Refusal) && !isFull(error)) return onFatal(error);
        const { message } = error as Error;
        if (message !== told) logger.warn({ step, error: message }, 'this node is to have another role and cannot take it yet: tried again every second');
        told = message;
      }
      if (next() === step) await pause(clock, retryMs);
    }
    // In one step with the last look at what is wanted.
    this.#changing = false;
  }
}

/** What was changed by hand, and how often it was taken back: who fights with us over one thing, a person or another tool, is answered ever more slowly, and for that thing alone. */
import type { Clock } from '#base/clock';
import { Retries } from '#base/pace/retries';
import type { Step } from '#reconciler/step';

type Drift = Step & { type: 'apply' };

const slowestMs = 60_000;
const times = { firstMs: 400, slowestMs, calmMs: 2 * slowestMs };

export class Reverts {
  readonly #retries: Retries;

  constructor(clock: Pick<Clock, 'monotonicNow'>) {
    this.#retries = new Retries(times, clock);
  }

  /** In how many ms the change is taken back; 0: now. */
  dueInMs(step: Drift): number {
    return this.#retries.dueInMs(thingOf(step));
  }

  reverted(step: Drift): void {
    this.#retries.failed(thingOf(step));
  }
}

/** The stack and the fields that differ, whatever their values: another field is another thing. */
function thingOf({ name, changes }: Drift): string {
  const fields = changes.map((line) => line.split(' ', 2).join(' ')).toSorted();
  return [name, ...fields].join('\n');
}

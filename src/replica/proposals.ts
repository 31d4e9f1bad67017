/** The entries that this leader has proposed and whose outcome somebody waits for. */
import type { Clock } from '#base/clock';
import { noMeter, type Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import type { Proposed } from '#raft/raft';
import type { Outcome } from './replicated-log.ts';

interface Waiting {
  readonly term: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Refusal) => void;
}

export class Proposals {
  /** By index; all of one term, for none outlives the leadership in which it was made. */
  readonly #waiting = new Map<number, Waiting>();

  readonly #clock: Pick<Clock, 'monotonicNow'>;
  readonly #meter: Meter;

  constructor(clock: Pick<Clock, 'monotonicNow'>, meter: Meter = noMeter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  get count(): number {
    return this.#waiting.size;
  }

  add(index: number, term: number): Promise<Outcome> {
    return this.#tallied(new Promise((resolve, reject) => this.#waiting.set(index, { term, resolve, reject })));
  }

  async #tallied(settled: Promise<Outcome>): Promise<Outcome> {
    const began = this.#clock.monotonicNow();
    const outcome = await settled.catch((error: unknown) => {
      this.#meter.count('shoal_raft_proposals_total', { result: 'failed' });
      throw error;
    });
    this.#meter.count('shoal_raft_proposals_total', { result: outcome.applied ? 'committed' : 'without_effect' });
    this.#meter.took('shoal_raft_commit_seconds', (this.#clock.monotonicNow() - began) / 1000);
    return outcome;
  }

  /** The entry at (index, term) is applied: an entry of another term in its place says that the proposal is gone for good. */
  settle(index: number, term: number, outcome: Outcome): void {
    const waiting = this.#waiting.get(index);
    if (!waiting) return;
    this.#waiting.delete(index);
    if (waiting.term === term) waiting.resolve(outcome);
    else waiting.reject(new Refusal('unavailable', 'another leader wrote in the place of the change: it did not take effect, try again'));
  }

  /** Leadership is gone, or the files close: the entries may still be committed by others, so nobody can say what became of them. */
  giveUp(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(outcomeUnknown(reason));
    this.#waiting.clear();
  }
}

function outcomeUnknown(reason: string): Refusal {
  return new Refusal('unavailable', `${reason}: the change may still take effect. Look, or ask again under the same request id`, { outcome: 'unknown' });
}

/** Why the core took no proposal; undefined: it does not lead. */
export function refusalOf(refused: Extract<Proposed, string>): Refusal | undefined {
  if (refused === 'full') return new Refusal('unavailable', 'too many changes wait for the disk: try again');
  if (refused === 'transferring') return new Refusal('unavailable', 'the leadership is being handed to another manager: try again', { outcome: 'none' });
  return undefined;
}

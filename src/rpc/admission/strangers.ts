/** Calls of those who have shown no certificate that counts: few at a time, and none for long. */
import { Places } from '#base/pace/places';
import { Refusal } from '#base/refusal';

/** Many nodes may join at once; those who find no place ask again. */
const mostCalls = 512;
const mostOfSource = 64;
/** Longer than a joiner waits for its answer. */
const usualLongestMs = 30_000;

/** The part of a call that is needed to end it. */
export interface StrangersCall {
  once(event: 'close', listener: () => void): unknown;
}

export class Strangers {
  readonly #all = new Places(mostCalls);
  readonly #bySource = new Map<string, Places>();

  /** @param longestMs a call may take, in milliseconds */
  constructor(readonly longestMs = usualLongestMs) {}

  /** Refuses where too many are being answered; `cut` ends the call when it takes too long. */
  enter(source: string, call: StrangersCall, cut: () => void): void {
    const own = this.#bySource.get(source) ?? new Places(mostOfSource);
    const leaveOwn = own.take();
    const leaveAll = leaveOwn && this.#all.take();
    if (!leaveAll) {
      leaveOwn?.();
      throw new Refusal('unavailable', 'too many who have no certificate ask at once: try again in a moment');
    }
    this.#bySource.set(source, own);
    const leave = (): void => {
      clearTimeout(timer);
      leaveOwn();
      leaveAll();
      if (own.taken === 0 && this.#bySource.get(source) === own) this.#bySource.delete(source);
    };
    const late = (): void => {
      leave();
      cut();
    };
    const timer = setTimeout(late, this.longestMs).unref();
    call.once('close', leave);
  }
}

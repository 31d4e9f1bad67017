/** While a leader is silent another one may have been elected: a host that is gone says nothing, and a beat on its way to it would be waited for longer than that takes. */
import { Refusal } from '#base/refusal';
import { afterLimit } from '#base/pace/fair-limit';
import type { Random } from '#base/random';
import { ownTimes } from '../spare-line.ts';

/** After this time without an answer a manager is asked who leads: an election is over by then mostly. */
const silentMs = 900;
/** In addition, by chance, so that many nodes do not ask at once. */
const spreadMs = 400;
/** While others know of no other leader each further question waits longer: a leader who is busy has many such nodes. */
const factor = 1.5;

export interface Others {
  /** HOST:PORT of the manager that is silent. */
  silent: string;
  /** Whom the next of the others follows, or itself where it leads; undefined: it does not say. */
  ask: () => Promise<string | undefined>;
  random: Random;
}

/** The answer of `beat`; rejects `unavailable`, with the fact `leader`, as soon as one of the others names another leader than the silent one. */
export function unlessAnotherLeads(beat: Promise<number>, { silent, ask, random }: Others): Promise<number> {
  return new Promise((resolve, reject) => {
    let over = false;
    let cancel: () => void = () => {};
    const lookAfter = (ms: number): void => {
      cancel = afterLimit(ownTimes, ms + random.next() * spreadMs, () => void look(ms));
    };
    const look = async (ms: number): Promise<void> => {
      const leader = await ask().catch(() => undefined);
      if (over) return;
      if (leader !== undefined && leader !== silent) return reject(new Refusal('unavailable', `the manager at ${silent} leads no longer`, { leader }));
      lookAfter(leader === undefined ? ms : ms * factor);
    };
    lookAfter(silentMs);
    const end = (): void => {
      over = true;
      cancel();
    };
    beat.finally(end).then(resolve, reject);
  });
}

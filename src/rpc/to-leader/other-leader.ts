/** While a leader is silent another one may have been elected: a host that is gone says nothing, and a beat on its way to it would be waited for longer than that takes. */
import { Refusal } from '#base/refusal';
import { afterLimit } from '#base/pace/fair-limit';
import type { Random } from '#base/random';
import { ownTimes } from '../spare-line.ts';

/** After this time without an answer the leader's host is looked at, and where that is silent too a manager is asked who leads: an election is over by then mostly. */
const silentMs = 900;
/** A leader whose host answers is busy, or frozen: a thousand nodes that ask others meanwhile would make all of them slower. */
const busyMs = 1600;
/** In addition, by chance, so that many nodes do not ask at once. */
const spreadMs = 400;
/** While others know of no other leader each further question waits longer. */
const factor = 1.5;

export interface Others {
  /** HOST:PORT of the manager that is silent. */
  silent: string;
  /** Whether its host takes connections. */
  reached: () => Promise<boolean>;
  /** Whom the next of the others follows, or itself where it leads; undefined: it does not say. */
  ask: () => Promise<string | undefined>;
  random: Random;
}

/** The answer of `beat`; rejects `unavailable`, with the fact `leader`, as soon as one of the others names another leader than the silent one. */
export function unlessAnotherLeads(beat: Promise<number>, { silent, reached, ask, random }: Others): Promise<number> {
  return new Promise((resolve, reject) => {
    let over = false;
    let cancel: () => void = () => {};
    const after = (ms: number, run: () => Promise<void>): void => {
      if (!over) cancel = afterLimit(ownTimes, ms + random.next() * spreadMs, () => void run());
    };
    const look = async (ms: number): Promise<void> => {
      const leader = await ask().catch(() => undefined);
      if (over) return;
      if (leader !== undefined && leader !== silent) return reject(new Refusal('unavailable', `the manager at ${silent} leads no longer`, { leader }));
      const nextMs = leader === undefined ? ms : ms * factor;
      after(nextMs, () => look(nextMs));
    };
    after(silentMs, async () => {
      if (await reached()) after(busyMs, () => look(busyMs));
      else if (!over) await look(silentMs);
    });
    const end = (): void => {
      over = true;
      cancel();
    };
    beat.finally(end).then(resolve, reject);
  });
}

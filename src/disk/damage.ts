/** What can be wrong with a state folder, as typed refusals: the driver decides by the kind, the operator reads the text. */
import { Refusal } from '#base/refusal';

/**
 * `amnesia`: the member forgot what it acknowledged; it must never vote again under its id. `possibleLoss`: the last record may have been
 * acknowledged and cannot be read. `corrupt`, `noSnapshot`: what was whole once is damaged. The rest is put right by hand.
 */
export type Damage = 'amnesia' | 'possibleLoss' | 'corrupt' | 'noSnapshot' | 'otherKey' | 'otherMember' | 'newer';

export function damaged(damage: Damage, message: string, facts: Readonly<Record<string, unknown>> = {}): Refusal {
  return new Refusal('failedPrecondition', message, { ...facts, damage });
}

/** The kind of damage that `error` speaks of; undefined for any other error. */
export function damageOf(error: unknown): Damage | undefined {
  return error instanceof Refusal ? (error.facts['damage'] as Damage | undefined) : undefined;
}

export const wayOut = 'Restore the state folder from a backup, or remove this manager from the cluster and join it again with an empty folder';

export function corrupt(path: string, at: number, what: string): Refusal {
  return damaged('corrupt', `the log file ${path} is corrupt: the record at byte ${at} ${what}. Nothing was changed. ${wayOut}`, { path, offset: at });
}

/** The folder takes no more: reads go on, and what this manager decides is refused until there is space, `roomBytes` where that is known. Others may lead. */
export function diskFull(folder: string, roomBytes = 0): Refusal {
  const room = roomBytes > 0 ? `${Math.ceil(roomBytes / 2 ** 20)} MiB are free` : 'there is space';
  return new Refusal('unavailable', `the disk of ${folder} is full: where this manager leads, the cluster can be read but not changed until ${room}`, {
    reason: 'diskFull',
    folder,
  });
}

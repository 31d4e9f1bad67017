/** Seals of a log: made with the cluster's own key, so that they tell nobody what a secret of a revision is. */
import { createHmac } from 'node:crypto';
import type { Deed, LogHead } from '#model/git/deed';
import type { Revision } from '#model/object/stack';

export function deedSeal(key: string, { Of, Number, Time, Who, What, Commit, Plan, Reason, Revision: number, Content }: Deed['Spec'], before: string): string {
  return seal(key, ['deed', before, Of, Number, Time, Who, What, Commit ?? '', Plan ?? '', Reason ?? '', number ?? 0, Content ?? '']);
}

export function revisionSeal(key: string, { Spec, Digest, Source, Who, Of, Unit, Plan, Outcome }: Revision): string {
  return seal(key, ['revision', Spec, Digest, Source, Who ?? '', Of ?? 0, Unit ?? {}, Plan ?? '', Outcome]);
}

/** `newest`: seal of the newest entry. */
export function headSeal(key: string, id: string, { First, Number, Revisions = {} }: Omit<LogHead, 'Seal'>, newest: string): string {
  return seal(key, ['head', id, First, Number, Object.entries(Revisions), newest]);
}

function seal(key: string, what: readonly unknown[]): string {
  return createHmac('sha256', key).update(JSON.stringify(what)).digest('hex');
}

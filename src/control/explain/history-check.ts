/** Whether a stack's history is as it was written: each entry is sealed with the one before it, so that a change of one shows in all after it. */
import type { HistoryCheck } from '#model/difference/history-check';
import type { View } from '#store/view';
import { revisionsOf, sealOf } from '../stack/revisions.ts';

/** The first kept entry names the seal of the one before it, which was let go. */
export function checkHistory(view: View, stack: string): HistoryCheck {
  const revisions = revisionsOf(view, stack);
  const sealed = revisions.filter(({ Chain }) => Chain !== undefined);
  const counts = { Entries: revisions.length, Sealed: sealed.length };
  const [Before, Head] = [sealed[0]?.Chain?.Before ?? '', revisions.at(-1)?.Chain?.Seal ?? ''];
  const broken = (Number: number, Why: string): HistoryCheck => ({ ...counts, Before, Head, Broken: { Number, Why } });
  for (const [at, revision] of revisions.entries()) {
    const { Number } = revision.Spec;
    const last = revisions[at - 1];
    if (!revision.Chain) {
      if (last?.Chain) return broken(Number, 'it has no seal, and the one before it has: it was put in, or written by an older program');
      continue;
    }
    if (revision.Chain.Seal !== sealOf(view, revision, revision.Chain.Before))
      return broken(Number, 'it is not what was sealed: it was changed, by hand or by an older program');
    // Between the last good one and the others those are missing that were let go.
    if (last && last.Spec.Number === Number - 1 && revision.Chain.Before !== (last.Chain?.Seal ?? ''))
      return broken(Number, `it does not follow revision ${last.Spec.Number} as that is now: one of the two was exchanged`);
  }
  return { ...counts, Before, Head };
}

/** Whether a log is as it was written: nothing in it changed, nothing taken out, nothing put in, and the stack's revisions those that it tells of. */
import type { LogCheck } from '#model/difference/log-check';
import type { Deed, LogHead } from '#model/git/deed';
import type { Repository } from '#model/object/repository';
import type { Revision, Stack } from '#model/object/stack';
import type { View } from '#store/view';
import { sealingOf } from '../sealing.ts';
import { deedsOf } from './deeds.ts';
import { deedSeal, headSeal, revisionSeal } from './seals.ts';

type Broken = NonNullable<LogCheck['Broken']>;

/** `kept`: a seal that somebody kept elsewhere, and that must be among those of the log. */
export function checkLog(view: View, kind: 'stack' | 'repository', record: Stack | Repository, kept?: string): LogCheck {
  const deeds = deedsOf(view, record.ID);
  const revisions = kind === 'stack' ? [...view.find('revision', 'stack', record.Spec.Name)].toSorted((a, b) => a.Spec.Number - b.Spec.Number) : [];
  const found = {
    Entries: deeds.length,
    Revisions: revisions.length,
    Before: deeds[0]?.Chain.Before ?? '',
    Head: deeds.at(-1)?.Chain.Seal ?? '',
  };
  const key = sealingOf(view)?.Identity ?? '';
  const Broken = brokenDeed(key, record, deeds) ?? brokenRevision(key, record.Log, revisions) ?? (kept === undefined ? undefined : missing(deeds, kept));
  return Broken ? { ...found, Broken } : found;
}

function brokenDeed(key: string, { ID, Log }: Stack | Repository, deeds: readonly Deed[]): Broken | undefined {
  if (!Log) return deeds[0] && at(deeds[0], 'its record says nothing of a log: that was taken off');
  let [next, before] = [Log.First, deeds[0]?.Chain.Before ?? ''];
  for (const deed of deeds) {
    const { Number } = deed.Spec;
    if (Number > Log.Number || Number < next) return at(deed, 'its record does not know it: it was put in');
    if (Number > next) return { At: `entry ${next}`, Why: 'it was taken out' };
    if (deed.Chain.Seal !== deedSeal(key, deed.Spec, deed.Chain.Before)) return at(deed, 'it is not what was sealed: it was changed');
    if (deed.Chain.Before !== before || (Number === 1) !== (before === ''))
      return at(deed, `it does not follow entry ${Number - 1}: one of the two was exchanged`);
    [next, before] = [Number + 1, deed.Chain.Seal];
  }
  if (next <= Log.Number) return { At: `entry ${next}`, Why: 'it was taken out' };
  if (Log.Seal !== headSeal(key, ID, Log, before)) return { At: 'the record', Why: 'what it says of the log is not what was sealed: it was changed' };
  return undefined;
}

function at({ Spec }: Deed, Why: string): Broken {
  return { At: `entry ${Spec.Number}`, Why };
}

function brokenRevision(key: string, log: LogHead | undefined, revisions: readonly Revision[]): Broken | undefined {
  const known = log?.Revisions ?? {};
  const there = new Set(revisions.map(({ Spec }) => String(Spec.Number)));
  const gone = Object.keys(known).find((number) => !there.has(number));
  if (gone !== undefined) return { At: `revision ${gone}`, Why: 'it was taken out' };
  for (const revision of revisions) {
    const { Number } = revision.Spec;
    if (!log && revision.Logged) return { At: `revision ${Number}`, Why: 'it was logged, and there is no log: that was taken out whole' };
    if (log && known[Number] === undefined) return { At: `revision ${Number}`, Why: 'the log does not know it: it was put in' };
    if (log && known[Number] !== revisionSeal(key, revision)) return { At: `revision ${Number}`, Why: 'it is not what was sealed: it was changed' };
  }
  return undefined;
}

function missing(deeds: readonly Deed[], kept: string): Broken | undefined {
  if (deeds.some(({ Chain }) => Chain.Seal === kept || Chain.Before === kept)) return undefined;
  const from = deeds[0] ? `entries ${deeds[0].Spec.Number} to ${deeds.at(-1)?.Spec.Number}` : 'it has no entries';
  return { At: 'the seal that was kept', Why: `it is none of the log's (${from}): the log was exchanged, or that entry was let go since` };
}

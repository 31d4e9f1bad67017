/** The log of a stack or a repository: who did what to it, by which commit and plan, and why. Bounded; each entry is sealed with the one before it. */
import { timeText } from '#base/clock';
import { equal } from '#base/equal';
import { shownName } from '#base/text/shown-name';
import type { Deed, DeedKind, LogHead } from '#model/git/deed';
import type { Repository } from '#model/object/repository';
import type { Revision, Stack } from '#model/object/stack';
import type { ObjectOf } from '#model/object/object';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { knowsKind } from '#store/feature-level';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCaseContext } from '../cluster.ts';
import { sealingOf } from '../sealing.ts';
import { deedSeal, headSeal, revisionSeal } from './seals.ts';

/** Of one log. */
const mostDeeds = 50;
const longestReason = 500;

/** What a log is of. */
export interface Subject {
  kind: 'stack' | 'repository';
  name: string;
}

export interface DeedFacts {
  what: DeedKind;
  /** Absent: nobody asked for it. */
  who?: string | undefined;
  commit?: string | undefined;
  plan?: string | undefined;
  reason?: string | undefined;
  /** Number of the revision that came, or of which something is said. */
  revision?: number | undefined;
}

/** Oldest first. @param id of the record */
export function deedsOf(view: View, id: string): ObjectOf['deed'][] {
  return [...view.find('deed', 'of', id)].toSorted((a, b) => a.Spec.Number - b.Spec.Number);
}

/** Whether what is done now is noted: not before the cluster has a key, and all of its nodes know logs. */
export function isLogged(view: View): boolean {
  return sealingOf(view) !== undefined && knowsKind(view, 'deed');
}

/** Notes it, unless the newest entry says the very same. */
export function noteDeed(overlay: Overlay, { kind, name }: Subject, facts: DeedFacts, context: UseCaseContext): void {
  const key = sealingOf(overlay)?.Identity;
  const record = overlay.byName(kind, name);
  if (key === undefined || !record || !isLogged(overlay)) return;
  const before = deedsOf(overlay, record.ID);
  const revisions = kind === 'stack' ? [...overlay.find('revision', 'stack', name)] : [];
  const Revisions = Object.fromEntries(revisions.map((each) => [each.Spec.Number, sealFor(key, each, record.Log, facts.revision)] as const));
  const newest = before.at(-1);
  const said = saidBy(facts, facts.revision === undefined ? undefined : Revisions[facts.revision]);
  if (newest && equal(said, wordsOf(newest)) && equal(Revisions, record.Log?.Revisions ?? {})) return;
  const Number = (newest?.Spec.Number ?? 0) + 1;
  const Spec = { Name: `${record.ID}#${Number}`, Of: record.ID, Number, Time: timeText(context.now), ...said };
  const Before = newest?.Chain.Seal ?? '';
  const deed: ObjectOf['deed'] = { ...newMeta(context.newId()), Spec, Chain: { Before, Seal: deedSeal(key, Spec, Before) } };
  overlay.lay([create('deed', deed)]);
  const all = [...before, deed];
  const gone = all.slice(0, Math.max(0, all.length - mostDeeds));
  overlay.lay(gone.map(({ ID }) => remove('deed', ID)));
  const head = { First: all[gone.length]?.Spec.Number ?? Number, Number, ...(kind === 'stack' && { Revisions }) };
  const Log: LogHead = { ...head, Seal: headSeal(key, record.ID, head, deed.Chain.Seal) };
  overlay.lay([kind === 'stack' ? update('stack', { ...(record as Stack), Log }) : update('repository', { ...(record as Repository), Log })]);
}

/** `actions` with the entry that they make in the log of what they change; none: nothing was done. */
export function withDeed(view: View, actions: readonly Action[], subject: Subject, facts: DeedFacts, context: UseCaseContext): readonly Action[] {
  if (actions.length === 0) return actions;
  const overlay = new Overlay(view);
  overlay.lay(actions);
  noteDeed(overlay, subject, facts, context);
  return overlay.actions;
}

/** A log ends with its record. */
export function removalOf(view: View, kind: Subject['kind'], id: string): Action[] {
  return [...deedsOf(view, id).map(({ ID }) => remove('deed', ID)), remove(kind, id)];
}

/** Only what is new, or of which something is said, is sealed: contents may be large. */
function sealFor(key: string, revision: Revision, head: LogHead | undefined, told: number | undefined): string {
  const { Number } = revision.Spec;
  return (Number === told ? undefined : head?.Revisions?.[Number]) ?? revisionSeal(key, revision);
}

type Said = Omit<Deed['Spec'], 'Name' | 'Of' | 'Number' | 'Time'>;

function saidBy({ what, who, commit, plan, reason, revision }: DeedFacts, content: string | undefined): Said {
  return {
    Who: (who && shownName(who)) || 'shoal',
    What: what,
    ...(commit && { Commit: commit }),
    ...(plan !== undefined && { Plan: plan }),
    ...(reason && { Reason: reason.slice(0, longestReason) }),
    ...(revision !== undefined && { Revision: revision }),
    ...(content !== undefined && { Content: content }),
  };
}

function wordsOf({ Spec: { Name: _name, Of: _of, Number: _number, Time: _time, ...said } }: Deed): Said {
  return said;
}

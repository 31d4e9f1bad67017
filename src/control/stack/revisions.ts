/** Revisions of stacks: one is kept of each deploy that brings something new, and what it came to. */
import { Refusal } from '#base/refusal';
import { shownName } from '#base/text/shown-name';
import { isPinned } from '#model/image/image-reference';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Revision, RevisionOutcome, StackSource, StackSpec } from '#model/object/stack';
import { create, newMeta, remove, update } from '#store/action';
import { knowsKind } from '#store/feature-level';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { isLogged, noteDeed } from '../log/deeds.ts';

/** Of one stack. */
const mostRevisions = 10;
/** Of one stack's revisions together, characters; the newest and the last good one stay whatever they come to. */
const mostLength = 8 * 1024 * 1024;

/** Oldest first. */
export function revisionsOf(view: View, stack: string): Revision[] {
  return [...view.find('revision', 'stack', stack)].toSorted((a, b) => a.Spec.Number - b.Spec.Number);
}

export function newestRevision(view: View, stack: string): Revision | undefined {
  // Each is made with the number after that of the newest.
  return view.newest('revision', 'stack', stack);
}

/** Which revision the stack is in force as, seen from the digest that its record has. */
export function revisionWithDigest(view: View, stack: string, digest: string): Revision | undefined {
  return revisionsOf(view, stack).findLast(({ Digest }) => Digest === digest);
}

/** What a failed or unwanted version goes back to: the last one before it that was healthy, and is another one. */
export function lastGood(revisions: readonly Revision[]): Revision | undefined {
  const newest = revisions.at(-1);
  return revisions.slice(0, -1).findLast(({ Digest, Outcome }) => Outcome.State === 'good' && Digest !== newest?.Digest);
}

/** The revision by its number. Throws a Refusal that names those that there are. */
export function findRevision(view: View, stack: string, number: number): Revision {
  const revisions = revisionsOf(view, stack);
  const found = revisions.find(({ Spec }) => Spec.Number === number);
  if (found) return found;
  const there = revisions.length === 0 ? 'it has none' : `there are ${revisions.map(({ Spec }) => Spec.Number).join(', ')}`;
  throw new Refusal('notFound', `stack ${stack} has no revision ${number}: ${there}`);
}

export interface RevisionFacts {
  digest: string;
  source: StackSource;
  who?: string | undefined;
  /** The revision that is brought back. */
  of?: number | undefined;
  unit?: Revision['Unit'] | undefined;
  /** Fingerprint of the plan that is carried out. */
  expect?: string | undefined;
}

/** Keeps what a deploy asked for, unless the newest revision is the very same; the oldest go. Answers its number. */
export function recordRevision(
  overlay: Overlay,
  content: StackSpec,
  { digest, source, who, of, unit, expect }: RevisionFacts,
  context: UseCaseContext,
): number | undefined {
  if (!knowsKind(overlay, 'revision')) return undefined;
  const before = revisionsOf(overlay, content.Name);
  if (before.at(-1)?.Digest === digest) return undefined;
  const Number = (before.at(-1)?.Spec.Number ?? 0) + 1;
  const revision: Revision = {
    ...newMeta(context.newId()),
    Spec: { Name: `${content.Name}@${Number}`, Stack: content.Name, Number, Content: content },
    Digest: digest,
    Source: source,
    ...(who && { Who: shownName(who) }),
    ...(of !== undefined && { Of: of }),
    ...(unit && { Unit: unit }),
    ...(expect !== undefined && { Plan: expect }),
    ...(isLogged(overlay) && { Logged: true as const }),
    Length: JSON.stringify(content).length,
    Outcome: { State: 'pending', Message: '' },
  };
  overlay.lay([create('revision', revision)]);
  for (const { ID } of outlived([...before, revision])) overlay.lay([remove('revision', ID)]);
  return Number;
}

/** Another word about a revision, which the log of its stack tells. */
export function noteRevision(overlay: Overlay, revision: Revision, context: UseCaseContext): void {
  const { Stack: name, Number } = revision.Spec;
  const { State, Message } = revision.Outcome;
  overlay.lay([update('revision', revision)]);
  noteDeed(overlay, { kind: 'stack', name }, { what: State === 'good' ? 'good' : 'failed', reason: Message, revision: Number }, context);
}

/** Goes with its stack. */
export function removeRevisions(overlay: Overlay, stack: string): void {
  for (const { ID } of revisionsOf(overlay, stack)) overlay.lay([remove('revision', ID)]);
}

/** Notes what became of the newest revision, with the reason that came first; a good one keeps the digests that its images turned out to be. */
export function judgeRevision(stack: string, number: number, outcome: RevisionOutcome): UseCase<void> {
  return (view, context) => {
    const overlay = new Overlay(view);
    const judged = judgedRevision(view, stack, number, outcome);
    if (judged) noteRevision(overlay, judged, context);
    return { actions: overlay.actions, result: undefined };
  };
}

/** The newest revision as it is when that is said of it; undefined: it is said already, or another one is the newest. */
export function judgedRevision(view: View, stack: string, number: number, Outcome: RevisionOutcome): Revision | undefined {
  const revision = newestRevision(view, stack);
  const told = revision?.Spec.Number === number && revision.Outcome.State !== 'good' ? revision : undefined;
  if (!told || told.Outcome.State === Outcome.State) return undefined;
  const Services = Outcome.State === 'good' ? told.Spec.Content.Services.map((spec) => pinned(view, spec)) : told.Spec.Content.Services;
  return { ...told, Spec: { ...told.Spec, Content: { ...told.Spec.Content, Services } }, Outcome };
}

/** Several at once: what goes back together is good together. */
export function judgeTogether(stacks: readonly { name: string; number: number }[], outcome: RevisionOutcome): UseCase<void> {
  return (view, context) => ({ actions: stacks.flatMap(({ name, number }) => judgeRevision(name, number, outcome)(view, context).actions), result: undefined });
}

function outlived(revisions: readonly Revision[]): Revision[] {
  const good = lastGood(revisions)?.ID;
  const gone: Revision[] = [];
  let [count, length] = [revisions.length, revisions.reduce((sum, { Length }) => sum + Length, 0)];
  for (const revision of revisions.slice(0, -1)) {
    if (count <= mostRevisions && length <= mostLength) break;
    if (revision.ID === good) continue;
    gone.push(revision);
    count -= 1;
    length -= revision.Length;
  }
  return gone;
}

function pinned(view: View, spec: ServiceSpec): ServiceSpec {
  const asked = spec.TaskTemplate.ContainerSpec?.Image ?? '';
  const running = view.byName('service', spec.Name)?.Spec.TaskTemplate.ContainerSpec?.Image ?? '';
  if (asked === running || !isPinned(running, asked)) return spec;
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec, Image: running } } };
}

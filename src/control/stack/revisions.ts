/** Revisions of stacks: one is kept of each deploy that brings something new, and what it came to. */
import { createHmac } from 'node:crypto';
import { Refusal } from '#base/refusal';
import { shownName } from '#base/text/shown-name';
import { isPinned } from '#model/image/image-reference';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Revision, RevisionOutcome, StackSource, StackSpec } from '#model/object/stack';
import { create, newMeta, remove, update } from '#store/action';
import { knowsKind } from '#store/feature-level';
import type { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { sealingOf } from '../sealing.ts';

/** Of one stack. */
const mostRevisions = 10;
/** Of one stack's revisions together, characters; the newest and the last good one stay whatever they come to. */
const mostLength = 8 * 1024 * 1024;

/** Oldest first. */
export function revisionsOf(view: View, stack: string): Revision[] {
  return [...view.find('revision', 'stack', stack)].toSorted((a, b) => a.Spec.Number - b.Spec.Number);
}

export function newestRevision(view: View, stack: string): Revision | undefined {
  return revisionsOf(view, stack).at(-1);
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

/** Keeps what a deploy asked for, unless the newest revision is the very same; the oldest go. */
export function recordRevision(overlay: Overlay, content: StackSpec, { digest, source, who, of, unit, expect }: RevisionFacts, context: UseCaseContext): void {
  if (!knowsKind(overlay, 'revision')) return;
  const before = revisionsOf(overlay, content.Name);
  if (before.at(-1)?.Digest === digest) return;
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
    Length: JSON.stringify(content).length,
    Outcome: { State: 'pending', Message: '' },
  };
  overlay.lay([
    create('revision', sealingOf(overlay) ? sealed(overlay, { ...revision, Chain: { Before: before.at(-1)?.Chain?.Seal ?? '', Seal: '' } }) : revision),
  ]);
  for (const { ID } of outlived([...before, revision])) overlay.lay([remove('revision', ID)]);
}

/** The newest revision with another word about it: its place in the history is sealed anew, for nothing follows it yet. */
export function sealed(view: View, revision: Revision): Revision {
  if (!revision.Chain) return revision;
  const { Before } = revision.Chain;
  return { ...revision, Chain: { Before, Seal: sealOf(view, revision, Before) } };
}

/** With the cluster's own key, before which nothing is sealed: a seal tells nobody what a secret of the revision is. */
export function sealOf(view: View, { Spec, Digest, Source, Who, Of, Unit, Plan, Outcome }: Revision, before: string): string {
  const text = JSON.stringify([before, Spec, Digest, Source, Who ?? '', Of ?? 0, Unit ?? {}, Plan ?? '', Outcome]);
  return createHmac('sha256', sealingOf(view)?.Identity ?? '')
    .update(text)
    .digest('hex');
}

/** Goes with its stack. */
export function removeRevisions(overlay: Overlay, stack: string): void {
  for (const { ID } of revisionsOf(overlay, stack)) overlay.lay([remove('revision', ID)]);
}

/** Notes what became of the newest revision, with the reason that came first; a good one keeps the digests that its images turned out to be. */
export function judgeRevision(stack: string, number: number, outcome: RevisionOutcome): UseCase<void> {
  return (view) => {
    const revision = newestRevision(view, stack);
    const told = revision?.Spec.Number === number && revision.Outcome.State !== 'good' ? revision : undefined;
    if (!told || told.Outcome.State === outcome.State) return { actions: [], result: undefined };
    const Services = outcome.State === 'good' ? told.Spec.Content.Services.map((spec) => pinned(view, spec)) : told.Spec.Content.Services;
    const Spec = { ...told.Spec, Content: { ...told.Spec.Content, Services } };
    return { actions: [update('revision', sealed(view, { ...told, Spec, Outcome: outcome }))], result: undefined };
  };
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

/** Why a stack is as it is, in sentences: what it wants, what runs, which commit, why it waits, and what was done last. */
import { timeOf } from '#base/clock';
import { counted, humanDuration } from '#base/text/human';
import { shownName } from '#base/text/shown-name';
import { own } from '#base/text/own';
import { compareTexts, shortCommit } from '#base/text/text';
import { leavingText } from '#model/difference/leaving-text';
import type { Service } from '#model/object/service';
import type { HealthState } from '#model/object/states';
import { conditionOf, type Quarantine, type Revision, type Stack, type StackCondition, type StackSource } from '#model/object/stack';
import type { View } from '#store/view';
import { isEmptyRecord } from '../stack/inventory.ts';
import { newestRevision, revisionsOf, revisionWithDigest } from '../stack/revisions.ts';
import { healthOfService, healthOfStack, nodesOf, stackHealth } from '../stack/stack-health.ts';
import { claimOn } from './claims.ts';
import { noteLines } from './repository.ts';
import { stillSentence } from './still.ts';

/** What is not written of it, as the reconciler knows it. */
export interface WaitingLines {
  drift: boolean;
  lines: readonly string[];
}

const mostLines = 20;

export function explainStack(view: View, stack: Stack, waiting: WaitingLines | undefined, now: number): string[] {
  const { Name } = stack.Spec;
  const current = revisionWithDigest(view, Name, stack.Digest);
  return [
    `Stack ${Name} ${ownerText(stack.Source)}.`,
    isEmptyRecord(stack)
      ? 'Nothing of it was ever applied.'
      : `It is in force as ${current ? revisionText(current, now) : 'a version from before revisions were kept'}.`,
    ...servicesLines(view, stack.Services, now),
    ...healthLine(view, stack, now),
    ...conditionLines(claimOn(view, Name) ?? conditionOf(stack), stack.Quarantine),
    ...leavingLine(stack, now),
    ...waveLines(stack),
    ...quarantineLine(stack),
    ...stillLines(view, stack, now),
    ...waitingLines(waiting),
    ...lastLine(view, stack, current, now),
    ...notesLines(view, stack),
  ];
}

/** The same of a stack that is known by its services' label alone: docker's own CLI deployed it. */
export function explainLabelled(view: View, name: string, services: readonly Service[], now: number): string[] {
  const claim = claimOn(view, name);
  const names = services.map(({ Spec }) => Spec.Name).toSorted(compareTexts);
  const { State, Message } = healthOfStack(view, services, nodesOf(view), now);
  return [
    `Stack ${name} was deployed by docker's own CLI, and belongs to no repository: what is known of it is the label on its services.`,
    ...servicesLines(view, names, now),
    ...wholeLine(State, Message),
    ...(claim ? conditionLines(claim) : []),
  ];
}

function ownerText(source: StackSource): string {
  return source.Kind === 'repository'
    ? `belongs to repository ${source.Repository}, which has it in folder ${source.Path}`
    : 'was deployed by hand, and belongs to no repository';
}

function revisionText({ Spec, Source, Who, Of, CreatedAt }: Revision, now: number): string {
  // What is brought back comes from no commit of its own.
  const from = Of !== undefined ? '' : Source.Kind === 'repository' ? `, from commit ${shortCommit(Source.Commit)}` : ', deployed by hand';
  const who = Who === undefined ? '' : ` by ${shownName(Who)}`;
  const of = Of === undefined ? '' : `, which brought back revision ${Of}`;
  return `revision ${Spec.Number}${from}${who} ${humanDuration(now - timeOf(CreatedAt))} ago${of}`;
}

function servicesLines(view: View, names: readonly string[], now: number): string[] {
  if (names.length === 0) return [];
  const nodes = nodesOf(view);
  const lines = names.slice(0, mostLines).map((name) => {
    const service = view.byName('service', name);
    if (!service) return `  ${name} is missing.`;
    const { state, running, wanted, message } = healthOfService(view, service, nodes, now);
    const image = service.Spec.TaskTemplate.ContainerSpec?.Image ?? '';
    return `  ${name} wants ${counted(wanted, 'task')} of ${image.split('@')[0]}; ${running} run${state === 'healthy' ? '' : `. It is ${state}: ${message}`}.`;
  });
  const more = names.length > mostLines ? [`  and ${names.length - mostLines} more.`] : [];
  return [`It has ${counted(names.length, 'service')}:`, ...lines, ...more];
}

function healthLine(view: View, stack: Stack, now: number): string[] {
  const health = stackHealth(view, stack, nodesOf(view), now);
  return health ? wholeLine(health.State, health.Message) : [];
}

function wholeLine(state: HealthState, message: string): string[] {
  return [state === 'healthy' ? 'All of it is healthy.' : `As a whole it is ${state}: ${message}.`];
}

function conditionLines({ State, Message, Errors = [], Commit }: StackCondition, quarantine?: Quarantine): string[] {
  const commit = Commit === undefined ? '' : ` of commit ${shortCommit(Commit)}`;
  if (State === 'refused') {
    // What was in force and was given up changed a good deal; what was refused before that, nothing.
    const what = quarantine?.Message === Message ? 'was given up' : 'is refused, and changed nothing';
    return [`The version${commit} ${what}:`, ...(Errors.length > 0 ? Errors : [Message]).slice(0, mostLines).map((each) => `  ${each}`)];
  }
  if (State === 'held') return [`The version${commit} is held: ${Message}.`];
  return Message === '' ? [] : [`It waits: ${Message}.`];
}

function leavingLine({ Leaving }: Stack, now: number): string[] {
  return Leaving ? [`It is ${leavingText(Leaving, now)}.`] : [];
}

function waveLines({ Rollout }: Stack): string[] {
  if (!Rollout) return [];
  const last = Rollout.Prunes ? ['What its version does not have is removed when all of it is healthy.'] : [];
  const [next, ...others] = Rollout.Left;
  if (!next) return last;
  const then = others.length === 0 ? '' : `, then ${others.map((names) => names.join(' and ')).join(', then ')}`;
  return [`It comes in waves: ${next.join(' and ')} when those before are healthy${then}.`, ...last];
}

function quarantineLine({ Spec, Quarantine }: Stack): string[] {
  return Quarantine ? [`That version is not tried again before its files change, or \`shoal stack retry ${Spec.Name}\`.`] : [];
}

function stillLines(view: View, { Spec, Source, Suspended }: Stack, now: number): string[] {
  if (Suspended) return [`It is suspended since ${Suspended.Since}: nothing is written for it before \`shoal stack resume ${Spec.Name}\`.`];
  const repository = Source.Kind === 'repository' ? view.byName('repository', Source.Repository) : undefined;
  return repository ? stillSentence(repository, now) : [];
}

function notesLines(view: View, { Spec, Source }: Stack): string[] {
  const notes = Source.Kind === 'repository' ? view.byName('repository', Source.Repository)?.Status.Notes : undefined;
  return noteLines(own(notes, Spec.Name) ?? []);
}

function waitingLines(waiting: WaitingLines | undefined): string[] {
  if (!waiting) return [];
  const what = waiting.drift ? 'It was changed by hand, which would be reverted:' : 'A newer commit would change:';
  return [what, ...waiting.lines.slice(0, mostLines).map((line) => `  ${line}`)];
}

/** What was tried last, where that is not what is in force, and what became of it. */
function lastLine(view: View, { Spec: { Name } }: Stack, current: Revision | undefined, now: number): string[] {
  const newest = newestRevision(view, Name);
  if (!newest) return [];
  const failed = revisionsOf(view, Name).findLast(({ Outcome }) => Outcome.State === 'failed');
  const outcomes = { pending: 'its verdict is still to come', good: 'it was found healthy', failed: 'it failed' } as const;
  const { State, Message } = newest.Outcome;
  const last = `The last thing that was done is ${revisionText(newest, now)}: ${outcomes[State]}${Message === '' ? '' : `: ${Message}`}.`;
  if (!failed || failed === newest || failed.Spec.Number < (current?.Spec.Number ?? 0) - 1) return [last];
  return [last, `Before it failed ${revisionText(failed, now)}: ${failed.Outcome.Message}.`];
}

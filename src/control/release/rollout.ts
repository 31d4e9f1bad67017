/** Which node takes up the release next, and what keeps the others: all that decides is in the store, so that the next leader goes on where this one stood. */
import { counted } from '#base/text/human';
import { compareTexts } from '#base/text/text';
import { roleOf } from '#model/manager-address';
import { nameOf } from '#model/object/object';
import type { Node } from '#model/object/node';
import { shortDigest, type Release, type ShownRelease } from '#model/release/release';
import type { Repository } from '#model/object/repository';
import { update, type Action } from '#store/action';
import { clusterOf, type View } from '#store/view';
import type { UseCase } from '../cluster.ts';
import { stillness } from '../repository/stillness.ts';
import { whyNoRelease } from '../repository/checks/release.ts';

/** The managers as the leader sees them. */
export interface ManagersSeen {
  leader: string | undefined;
  members: readonly { id: string; voter: boolean; reachable: boolean }[];
}

export type RolloutStep =
  /** It is this node's turn. */
  | { type: 'tell'; node: string }
  /** Nothing further is done before somebody says so, or another release is wanted. */
  | { type: 'pause'; node: string; text: string }
  | { type: 'paused'; text: string }
  /** To be looked at again. */
  | { type: 'wait'; text: string }
  | { type: 'done'; text: string };

/** What a node may take from being told until it runs the release and is kept there, with the time in which it gives up by itself. */
const nodeLimitMs = 20 * 60_000;

/** undefined: no release is wanted. `managers`: absent where nobody is to be told anything. */
function rolloutStep(view: View, now: number, managers?: ManagersSeen): RolloutStep | undefined {
  const release = clusterOf(view)?.Shoal?.Release;
  if (!release) return undefined;
  const { Paused } = release;
  if (Paused) return { type: 'paused', text: `node ${nameIn(view, Paused.Node)}: ${Paused.Text}` };
  const nodes = [...view.list('node')];
  const failed = nodes.find((node) => failureOf(node, release) !== undefined);
  if (failed) return { type: 'pause', node: failed.ID, text: failureOf(failed, release) ?? '' };
  const held = heldText(view, release, now);
  if (held !== undefined) return { type: 'wait', text: held };
  const behind = nodes.filter((node) => !runs(node, release));
  const underWay = behind.find((node) => isTold(node, release));
  if (underWay) return watched(underWay, now);
  // One that joined and never came is waited for by nobody.
  const unsettled = nodes.find(({ Description, Status }) => Description !== undefined && (Status.State === 'unknown' || Status.State === 'disconnected'));
  if (unsettled) return { type: 'wait', text: `node ${nameOf('node', unsettled)} is ${unsettled.Status.State}` };
  const [next] = behind.filter(({ Status }) => Status.State === 'ready').toSorted((a, b) => rank(a, managers) - rank(b, managers) || compareTexts(a.ID, b.ID));
  if (!next) return behind.length === 0 ? { type: 'done', text: 'all nodes run it' } : { type: 'done', text: `all nodes run it but ${downText(behind)}` };
  if (roleOf(next) === 'manager' && !canMiss(next.ID, managers))
    return { type: 'wait', text: `node ${nameOf('node', next)} is a manager, and too few of the others answer` };
  return { type: 'tell', node: next.ID };
}

/** Decides on what is there and notes it; answers what it decided. */
export function advanceRollout(managers: ManagersSeen | undefined): UseCase<RolloutStep | undefined> {
  return (view, { now }) => {
    const step = rolloutStep(view, now, managers);
    const cluster = clusterOf(view);
    const release = cluster?.Shoal?.Release;
    if (!cluster || !release || !step) return { actions: [], result: step };
    const actions = fulfilled(view, release);
    if (step.type === 'pause') {
      const Release: Release = { ...release, Paused: { Node: step.node, Text: step.text } };
      actions.push(update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, Release } }));
    }
    const node = step.type === 'tell' ? view.get('node', step.node) : undefined;
    const { URL, Digest, Attempt } = release;
    if (node) actions.push(update('node', { ...node, Shoal: { ...node.Shoal, Release: { URL, Digest, Attempt, Since: now } } }));
    return { actions, result: step };
  };
}

/** Who runs it was told for good: should it run something else one day, its turn comes anew. */
function fulfilled(view: View, release: Release): Action[] {
  return [...view.list('node')].flatMap((node) => {
    const { Release: told, ...Shoal } = node.Shoal ?? {};
    return told && runs(node, release) ? [update('node', { ...node, Shoal })] : [];
  });
}

/** What people are shown of a node's program; undefined of one that runs what is installed and was told nothing. */
export function shownRelease({ Description, Shoal }: Node): ShownRelease | undefined {
  const { Version = '', Digest, Probation, Failed } = Description?.Shoal?.Release ?? {};
  const told = Shoal?.Release;
  if (!told && Digest === undefined && !Failed) return undefined;
  const isBehind = told !== undefined && told.Digest !== Digest;
  const failed = Failed && Failed.Digest !== Digest ? Failed : undefined;
  const way = isBehind ? 'on its way' : Probation ? 'on probation' : '';
  const State =
    failed && (!told || (failed.Digest === told.Digest && failed.Attempt === told.Attempt)) ? `${shortDigest(failed.Digest)} failed: ${failed.Text}` : way;
  return { Version, ...(Digest !== undefined && { Digest }), ...(isBehind && { Wanted: told.Digest }), State };
}

/** As people know the node; its id where it has no name. */
export function nameIn(view: View, id: string): string {
  const node = view.get('node', id);
  return (node && nameOf('node', node)) || id;
}

/** Of one that was told: nobody stops the others by a word before his turn. */
function failureOf(node: Node, release: Release): string | undefined {
  const failed = node.Description?.Shoal?.Release?.Failed;
  return isTold(node, release) && failed?.Digest === release.Digest && failed.Attempt === release.Attempt ? failed.Text : undefined;
}

/** Why nobody is told now. */
function heldText(view: View, { Repository }: Release, now: number): string | undefined {
  const repository = view.get('repository', Repository);
  if (!repository) return 'the repository that declared it is gone';
  const barred = whyNoRelease(view, repository);
  if (barred !== undefined) return barred;
  const still = stillness(repository, now);
  if (!still) return undefined;
  return still.state === 'suspended'
    ? `repository ${repository.Spec.Name} is suspended`
    : `freeze window "${still.window}" of repository ${repository.Spec.Name} holds`;
}

/** It serves, and is kept: before that it has caught up with the managers, if it is one. */
function runs({ Description, Status }: Node, { Digest }: Release): boolean {
  const said = Description?.Shoal?.Release;
  // One that is down and ran it is not asked again: it is told when it comes with something else.
  return said?.Digest === Digest && said.Probation !== true && (Status.State === 'ready' || Status.State === 'down');
}

function isTold({ Shoal }: Node, { Digest, Attempt }: Release): boolean {
  return Shoal?.Release?.Digest === Digest && Shoal.Release.Attempt === Attempt;
}

function watched(node: Node, now: number): RolloutStep {
  const { Since = now } = node.Shoal?.Release ?? {};
  const state = node.Status.State === 'ready' ? '' : `, and is ${node.Status.State}`;
  if (now - Since < nodeLimitMs) return { type: 'wait', text: `node ${nameOf('node', node)} is on its way${state}` };
  return { type: 'pause', node: node.ID, text: `it was told ${Math.round(nodeLimitMs / 60_000)} minutes ago and does not run it${state}` };
}

/** Workers first, whoever leads last. */
function rank(node: Node, managers: ManagersSeen | undefined): number {
  if (roleOf(node) !== 'manager') return 0;
  return node.ID === managers?.leader ? 2 : 1;
}

/** Where one or two manage, a restart is never without a gap: then it is enough that the other one answers. */
function canMiss(id: string, managers: ManagersSeen | undefined): boolean {
  const voters = managers?.members.filter(({ voter }) => voter) ?? [];
  const others = voters.filter((member) => member.id !== id);
  const heard = others.filter(({ reachable }) => reachable).length;
  return voters.some((member) => member.id === id) && (heard === others.length || heard >= Math.floor(voters.length / 2) + 1);
}

function downText(behind: readonly Node[]): string {
  const names = behind.slice(0, 3).map((node) => nameOf('node', node) || node.ID);
  const shown = behind.length > names.length ? `${names.join(', ')} and ${counted(behind.length - names.length, 'other')}` : names.join(', ');
  return `${shown}, which ${behind.length === 1 ? 'is' : 'are'} down and will be told when back`;
}

/** What is wanted and how far it is, in sentences; nothing where that repository wants none. */
export function releaseLines(view: View, { ID, Spec }: Repository, now: number): string[] {
  const release = clusterOf(view)?.Shoal?.Release;
  if (release?.Repository !== ID) return [];
  const nodes = [...view.list('node')];
  const running = nodes.filter((node) => runs(node, release));
  const step = rolloutStep(view, now);
  const versions = [...new Set(running.map((node) => node.Description?.Shoal?.Release?.Version ?? ''))].filter((version) => version !== '');
  const called = versions.length === 1 ? ` (version ${versions[0] ?? ''})` : '';
  const lines = [`It wants the daemons to run release ${shortDigest(release.Digest)}${called}: ${running.length} of ${counted(nodes.length, 'node')} do.`];
  if (step?.type === 'paused' || step?.type === 'pause')
    lines.push(
      `The roll-out is paused: ${step.text}; another release, or \`shoal repo confirm ${Spec.Name} --commit ${release.Commit.slice(0, 12)}\`, goes on.`,
    );
  if (step?.type === 'wait') lines.push(`The roll-out waits: ${step.text}.`);
  return lines;
}

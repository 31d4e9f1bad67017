/** Why a repository is as it is, in sentences. */
import { timeOf } from '#base/clock';
import { formatDuration } from '#base/text/duration';
import { counted, humanDuration } from '#base/text/human';
import { compareTexts, shortCommit } from '#base/text/text';
import { trustOf, type Repository } from '#model/object/repository';
import { conditionOf } from '#model/object/stack';
import type { View } from '#store/view';
import { isOwned } from '../stack/ownership.ts';
import { nodesOf, stackHealth } from '../stack/stack-health.ts';
import { followedText } from '../repository/rewrites.ts';
import { parentOf } from '../repository/children.ts';
import { releaseLines } from '../release/rollout.ts';
import { stillness } from '../repository/stillness.ts';
import { stillSentence } from './still.ts';

const mostLines = 50;

export function explainRepository(view: View, repository: Repository, now: number): string[] {
  const { Spec, Status } = repository;
  return [
    placeSentence(repository),
    ...parentLine(view, repository),
    `Its stacks have ${trustOf(Spec) === 'full' ? 'full trust' : 'the trust that --allow gives them'}; a version that fails ${Spec.OnFailure === 'stay' ? 'stays as it is' : 'goes back to the last good one'}.`,
    ...(Spec.Signers === undefined ? [] : ['Only commits that somebody of its list signed are followed.']),
    readSentence(repository, isWell(view, repository, now), now),
    ...stillSentence(repository, now),
    ...releaseLines(view, repository, now),
    ...(Status.Rewritten === undefined
      ? []
      : [`Commit ${shortCommit(Status.Rewritten)} waits for \`shoal repo confirm ${Spec.Name} --commit ${shortCommit(Status.Rewritten)}\`.`]),
    ...stackLines(view, repository, now),
    ...noteLines(Object.values(repository.Status.Notes ?? {}).flat()),
  ];
}

function placeSentence({ Spec, Pushed }: Repository): string {
  if (!Spec.Hosted)
    return `Repository ${Spec.Name} follows ${followedText(Spec)} of ${Spec.URL}, folder ${Spec.Path}, and looks every ${formatDuration(Spec.Interval)}.`;
  const head = Pushed ? `its head is ${shortCommit(Pushed.Commit)}` : 'nothing was pushed yet';
  return `Repository ${Spec.Name} is held by the cluster: what is pushed to branch ${Spec.Branch} is deployed, folder ${Spec.Path}; ${head}.`;
}

function parentLine(view: View, repository: Repository): string[] {
  const parent = parentOf(view, repository);
  return parent ? [`Repository ${parent.Spec.Name} declares it in its shoal.yml: it is changed and ended there.`] : [];
}

/** What is wrong in the file beside its stacks. */
function isOfFile(error: string): boolean {
  return /^shoal\.yml: (?!stack )/.test(error);
}

/** What is worth knowing, though it is no error. */
export function noteLines(notes: readonly string[]): string[] {
  if (notes.length === 0) return [];
  return [
    'To know:',
    ...notes.slice(0, mostLines).map((note) => `  ${note}.`),
    ...(notes.length > mostLines ? [`  and ${notes.length - mostLines} more.`] : []),
  ];
}

/** Whether all its stacks are healthy as well. */
function isWell(view: View, { Spec }: Repository, now: number): boolean {
  const nodes = nodesOf(view);
  return [...view.list('stack')].every((stack) => !isOwned(stack, Spec.Name) || (stackHealth(view, stack, nodes, now)?.State ?? 'healthy') === 'healthy');
}

function readSentence(repository: Repository, well: boolean, now: number): string {
  const { State, Commit, Message, Since } = repository.Status;
  const since = `${humanDuration(now - timeOf(Since))} ago`;
  const read = Commit === undefined ? 'No commit of it was rendered yet' : `The commit rendered last is ${shortCommit(Commit)}`;
  // What was changed since by hand stays while nothing is written.
  const are = stillness(repository, now)
    ? 'were brought to that one'
    : well
      ? 'are as that one wants them'
      : 'have their version of it, though not all are healthy';
  return State === 'synced'
    ? `${read}, and all its stacks ${are} (since ${since}).`
    : `${read}; it is ${State} since ${since}${Message === '' ? '' : `: ${Message}`}.`;
}

function stackLines(view: View, { Spec, Status: { Refused = {}, Held = {} } }: Repository, now: number): string[] {
  const nodes = nodesOf(view);
  const own = [...view.list('stack')].filter((stack) => isOwned(stack, Spec.Name)).toSorted((a, b) => compareTexts(a.Spec.Name, b.Spec.Name));
  const lines = own.map((stack) => {
    const { State, Message } = conditionOf(stack);
    const health = stackHealth(view, stack, nodes, now);
    const fares = health ? `${health.State}${health.Message === '' ? '' : ` (${health.Message})`}` : 'never applied';
    return `  ${stack.Spec.Name}: ${State}, ${fares}${Message === '' ? '' : `; ${Message}`}.`;
  });
  const names = new Set(own.map(({ Spec: { Name } }) => Name));
  const others = [
    ...Object.entries(Refused).flatMap(([name, [error = '']]) => (isOfFile(error) ? [] : [[name, `refused: ${error}`] as const])),
    ...Object.entries(Held).map(([name, reason]) => [name, `held: ${reason}`] as const),
  ].flatMap(([name, text]) => (names.has(name) ? [] : [`  ${name}: ${text}.`]));
  const all = [...lines, ...others];
  const ofFile = Object.values(Refused).flatMap((errors) => errors.filter(isOfFile).map((error) => `Refused: ${error}.`));
  if (all.length === 0) return ['It has no stacks.', ...ofFile];
  return [
    ...ofFile,
    `It has ${counted(all.length, 'stack')} (\`shoal stack explain NAME\` says more of each):`,
    ...all.slice(0, mostLines),
    ...(all.length > mostLines ? [`  and ${all.length - mostLines} more.`] : []),
  ];
}

/** What came with a commit, in the words of those who are told. */
import { counted } from '#base/text/human';
import { shortCommit } from '#base/text/text';
import type { CommitList, ToldChanges, ToldStack } from '#model/git/notify';

/** A line each: the commits, then the stacks. */
export function changeLines(changes: ToldChanges): string[] {
  const { Stacks, MoreStacks = 0 } = changes;
  return [...commitLines(changes, changes.Since), ...Stacks.flatMap(stackLines), ...(MoreStacks > 0 ? [`and ${counted(MoreStacks, 'more stack')}`] : [])];
}

/** `since`: what they come after. */
function commitLines(list: CommitList, since: string | undefined): string[] {
  const { Commits, Rewritten } = list;
  const rewritten = Rewritten ? [`the history was rewritten: it does not come after ${shortCommit(since ?? '')}`] : [];
  const lines = Commits.map(({ ID, Subject, Author }) => `• ${code(`${shortCommit(ID)} ${Subject} (${Author})`)}`);
  const more = moreOf(list);
  return [...rewritten, ...(since === undefined || Commits.length === 0 ? [] : [`since ${shortCommit(since)}:`]), ...lines, ...(more === '' ? [] : [more])];
}

/** The commits of a merge request. That the branch went on meanwhile is nothing that it did. */
export function commitMarkdown(list: CommitList): string[] {
  const { Commits } = list;
  if (Commits.length === 0) return [];
  const more = moreOf(list);
  return [
    '',
    '**Its commits:**',
    '',
    ...Commits.map(({ ID, Subject, Author }) => `- ${code(`${shortCommit(ID)} ${Subject} (${Author})`)}`),
    ...(more === '' ? [] : [`- ${more}`]),
  ];
}

/** A text of what is told, and as much of what came with it as a short line has room for. */
export function briefly(text: string, changes: ToldChanges | undefined): string {
  if (!changes) return text;
  const stacks = changes.Stacks.filter(({ Failed }) => Failed === undefined).map(({ Name, Lines }) => (Lines[0] === undefined ? Name : `${Name}: ${Lines[0]}`));
  return [text, ...stacks].join('; ');
}

/** As fields of a webhook's body. */
export function changesJson({ Since, Commits, More = 0, Endless, Rewritten, Stacks, MoreStacks = 0 }: ToldChanges): object {
  return {
    ...(Since !== undefined && { since: Since }),
    commits: Commits.map(({ ID, Subject, Author }) => ({ id: ID, subject: Subject, author: Author })),
    ...(More > 0 && { moreCommits: More }),
    ...(Endless && { endless: true }),
    ...(Rewritten && { rewritten: true }),
    stacks: Stacks.map(({ Name, Lines, More: left = 0, Failed, Runs }) => ({
      name: Name,
      changes: Lines,
      ...(left > 0 && { moreChanges: left }),
      ...(Failed !== undefined && { failed: Failed }),
      ...(Runs !== undefined && { runs: Runs }),
    })),
    ...(MoreStacks > 0 && { moreStacks: MoreStacks }),
  };
}

function moreOf({ More = 0, Endless }: CommitList): string {
  if (More === 0) return '';
  return Endless ? `and more than ${More} more` : `and ${More} more`;
}

function stackLines({ Name, Lines, More = 0, Failed, Runs }: ToldStack): string[] {
  const why = Failed === undefined ? [] : [Failed, ...(Runs === undefined ? [] : [`it has commit ${shortCommit(Runs)} now`])];
  const what = [...why, ...Lines, ...(More > 0 ? [`and ${More} more`] : [])];
  return [code(`${Name}: ${what.join('; ')}`)];
}

/** What somebody wrote into a commit is shown as it stands: no chat takes it for a mention, a link or a format. */
function code(text: string): string {
  return `\`${text.replaceAll('`', "'")}\``;
}

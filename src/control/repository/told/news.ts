/** What is new about a repository's commit, and what came with it: commits, the services that changed, and why a stack failed. */
import { timeOf } from '#base/clock';
import { fieldText } from '#model/difference/field-changes';
import type { ObjectChange } from '#model/difference/stack-plan';
import type { CommitList, Said, Told, ToldChanges, ToldStack, Verdict } from '#model/git/notify';
import { imageLabel } from '#model/object/meta';
import type { Repository } from '#model/object/repository';
import type { Revision } from '#model/object/stack';
import type { View } from '#store/view';
import { revisionChanges } from '../../stack/revision-diff.ts';
import { revisionsOf } from '../../stack/revisions.ts';
import { stackVerdicts, verdictOf, type StackVerdict } from './verdict.ts';

/** The same failure is said again after so long. */
const repeatMs = 3_600_000;
/** What is told lies in the store, once for each who is told. */
const mostStacks = 10;
const mostLines = 5;
const longestLine = 160;

export interface News {
  repository: Repository;
  verdict: Verdict;
  /** What was said last that was no `pending`. */
  ended: Said | undefined;
  /** The commit that was well last. */
  good: Told['Good'];
  /** It is an end, and another one than that. */
  isNewEnd: boolean;
}

/** Commits as somebody found them: those of `until` that `since` has not. */
export interface FoundCommits extends CommitList {
  until: string;
  since?: string;
}

/** undefined: nobody is told, or there is nothing new to say. */
export function newsOf(view: View, id: string, now: number): News | undefined {
  const repository = view.get('repository', id);
  const verdict = repository && (repository.Notify ?? []).length > 0 ? verdictOf(view, repository, now) : undefined;
  if (!repository || !verdict) return undefined;
  const { Told: told } = repository;
  const ended = told?.Ended ?? (told && told.State !== 'pending' ? plain(told) : undefined);
  const isNewEnd = verdict.State !== 'pending' && isNews(ended, verdict, now);
  if (!isNewEnd && !isNews(told, verdict, now)) return undefined;
  const good = told?.Good ?? (told?.State === 'success' ? { Commit: told.Commit, At: told.At } : undefined);
  return { repository, verdict, ended, good, isNewEnd };
}

/** One failure is one message, however often it comes back; an end of it is always said. */
function isNews(told: Said | undefined, { Commit, State, Text }: Verdict, now: number): boolean {
  if (!told) return true;
  if (told.Commit !== Commit || told.State !== State) return true;
  return State === 'failure' && told.Text !== Text && now - timeOf(told.At) >= repeatMs;
}

function plain({ Commit, State, Text, At }: Told): Said {
  return { Commit, State, Text, At };
}

/** `good`: what it is compared with. Found commits of another question are left out. */
export function changesOf(view: View, repository: Repository, { Commit }: Verdict, good: Told['Good'], found: FoundCommits | undefined): ToldChanges {
  const { until, since, ...list } = found ?? { until: '', Commits: [] };
  const known = until === Commit && since === good?.Commit ? list : { Commits: [] };
  const changed = stackVerdicts(view, repository).flatMap((each) => {
    const revisions = revisionsOf(view, each.name);
    const isNew = ({ Source, CreatedAt }: Revision): boolean =>
      (Source.Kind === 'repository' && Source.Commit === Commit) || (good !== undefined && timeOf(CreatedAt) > timeOf(good.At));
    const news = revisions.filter(isNew);
    return news.length > 0 || each.state === 'failure' ? [{ each, news, before: revisions.findLast((revision) => !isNew(revision)) }] : [];
  });
  const told = changed.toSorted((a, b) => Number(b.each.state === 'failure') - Number(a.each.state === 'failure')).slice(0, mostStacks);
  return {
    ...(good && { Since: good.Commit }),
    ...known,
    Stacks: told.map(({ each, news, before }) => toldStack(view, each, news, before)),
    ...(changed.length > told.length && { MoreStacks: changed.length - told.length }),
  };
}

/** Of a stack that went back, what is told is what it went back from. */
function toldStack(view: View, { name, state, text }: StackVerdict, news: readonly Revision[], before: Revision | undefined): ToldStack {
  const isFailed = state === 'failure';
  const after = isFailed ? news.findLast(({ Of }) => Of === undefined) : news.at(-1);
  const lines = after ? (before ? revisionChanges(before, after).flatMap(linesOf) : ['new in the repository']) : [];
  const source = view.byName('stack', name)?.Source;
  const runs = isFailed && (before !== undefined || news.length > 0) && source?.Kind === 'repository' ? source.Commit : undefined;
  return {
    Name: name,
    Lines: lines.slice(0, mostLines).map(bounded),
    ...(lines.length > mostLines && { More: lines.length - mostLines }),
    ...(isFailed && { Failed: bounded(text) }),
    ...(runs !== undefined && { Runs: runs }),
  };
}

function linesOf({ kind, name, change, fields }: ObjectChange): string[] {
  if (change === 'none') return [];
  if (change !== 'update') return [`${kind} ${name} ${change === 'create' ? 'is new' : 'is not wanted'}`];
  // The image says the same.
  return fields.filter(({ field }) => field !== `Labels.${imageLabel}`).map((field) => `${name} ${fieldText(field)}`);
}

function bounded(text: string): string {
  return text.length <= longestLine ? text : `${text.slice(0, longestLine - 1)}…`;
}

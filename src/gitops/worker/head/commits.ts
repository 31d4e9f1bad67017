/** The commits between two, as people are told of them. */
import { shownName } from '#base/text/shown-name';
import type { CommitList, ToldCommit } from '#model/git/notify';
import type { CommitRange } from '../../protocol.ts';
import { GitFailure } from '../run-git.ts';

/** That are told. */
const mostTold = 10;
/** That are counted: a history may have a million. */
const mostCounted = 200;
const longestSubject = 100;
const longestAuthor = 40;
/** A character takes up to four bytes. */
const listBytes = mostCounted * 1024;

/** `run`: git in the mirror, with a bound of its answer. One question, whatever the history is; a second one where `since` is not there any more. */
export async function listCommits(range: CommitRange, run: (args: readonly string[], outputBytes: number) => Promise<string>): Promise<CommitList> {
  const { since, until } = range;
  const ask = (what: string, most: number): Promise<string> =>
    run(['log', '--left-right', `--max-count=${most}`, '--encoding=UTF-8', `--format=${lineFormat}`, '--end-of-options', what, '--'], listBytes);
  if (since === undefined) return listOf(await ask(until, 1));
  try {
    return listOf(await ask(`${since}...${until}`, mostCounted));
  } catch (error) {
    if (!(error instanceof GitFailure) || error.code !== 128 || error.broken !== undefined) throw error;
    return { ...listOf(await ask(until, 1)), Rewritten: true };
  }
}

/** A side (`<`: of `since` alone), an id, an author and a subject, which git itself cuts. */
const lineFormat = `%m%H%x00%<(${longestAuthor},trunc)%an%x00%<(${longestSubject},trunc)%s`;

function listOf(said: string): CommitList {
  const lines = said.split('\n').filter((line) => line !== '');
  const come = lines.filter((line) => !line.startsWith('<'));
  const Commits = come.slice(0, mostTold).map(commitOf);
  return {
    Commits,
    ...(come.length > Commits.length && { More: come.length - Commits.length }),
    ...(lines.length >= mostCounted && { Endless: true }),
    ...(come.length < lines.length && { Rewritten: true }),
  };
}

function commitOf(line: string): ToldCommit {
  const [id = '', author = '', subject = ''] = line.slice(1).split('\0');
  return { ID: id, Subject: shownName(subject), Author: shownName(author) };
}

/** That a stack goes, for people: since which commit, whose, and in how long. */
import { timeOf } from '#base/clock';
import { humanDuration } from '#base/text/human';
import { shownName } from '#base/text/shown-name';
import { shortCommit } from '#base/text/text';
import type { StackLeaving } from '../object/stack.ts';

export function leavingText({ Commit, Who, Until }: StackLeaving, now: number): string {
  const left = timeOf(Until) - now;
  const when = left > 0 ? `in ${humanDuration(left).toLowerCase()}` : 'as soon as the rest is well';
  return `gone from its repository since commit ${shortCommit(Commit)}${Who === undefined ? '' : ` by ${shownName(Who)}`}; it is removed ${when}`;
}

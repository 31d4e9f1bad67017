/** Git trees: whatever a commit holds, each of its stacks becomes a stack or reasons, and what did not change is not made again. */
import { judgeCommit, triedCommits, type TriedCommit } from '#test/support/tried-commits';
import { target } from './target.ts';

export const gitTreesTarget = target<TriedCommit>({
  name: 'git-trees',
  inputs: triedCommits,
  start: async () => ({ judge: judgeCommit, stop: async () => undefined }),
});

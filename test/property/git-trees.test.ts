/** Whatever tree a commit has, each of its stacks becomes a stack or reasons, in time. */
import fc from 'fast-check';
import { test } from 'vitest';
import { judgeCommit, triedCommits } from '#test/support/tried-commits';

const longestMs = 2000;

test('any tree is rendered or refused', { timeout: 120_000 }, async () => {
  const property = fc.asyncProperty(triedCommits, async (commit) => {
    const start = performance.now();
    const wrong = await judgeCommit(commit);
    if (wrong !== undefined) throw new Error(wrong);
    if (performance.now() - start > longestMs) throw new Error(`it took more than ${longestMs} ms`);
  });
  // Files by names that mean something to JavaScript were once found by this.
  await fc.assert(property, { numRuns: 1500, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false });
});

/** A join that is played through: nothing of it may fail unnoticed, for nobody waits for it. */
import { expect, test } from 'vitest';
import { rehearseJoin } from '#node/join/rehearsal';
import { testDescription } from '#test/support/memory-cluster';

test('a join is rehearsed whole, as often as one likes', async () => {
  await rehearseJoin(testDescription);
  await expect(rehearseJoin(testDescription)).resolves.toBeUndefined();
});

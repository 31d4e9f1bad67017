/** The seal of a manager's disk follows what the cluster names. */
import { expect, test } from 'vitest';
import { SealFollower, type SealFollowerParts } from '#node/member/seal-follower';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '../../../support/virtual-clock.ts';

test('one that waits for what a manager that was let go is never brought can be stopped', async () => {
  let asked = false;
  const parts = {
    seat: { read: () => ((asked = true), new Promise<never>(() => undefined)) },
    state: { watch: () => () => undefined, onRestore: () => () => undefined },
    clock: new VirtualClock(),
    logger: silentLogger,
  };
  const follower = new SealFollower(parts as unknown as SealFollowerParts);
  follower.start();
  await expect.poll(() => asked).toBe(true);
  await follower.stop();
});

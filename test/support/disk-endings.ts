/** Storages that end at every call, with and without power, and what the next start must find. */
import { Violation } from '#test/simulation/tier';
import { entries, newDisk, Told } from './told-storage.ts';

/** All that a storage does, with segments that change and a tail that is replaced. */
async function wholeStory(told: Told): Promise<void> {
  await told.write({ term: 1, vote: 'a', commit: 0 }, entries(1, 4, 1));
  await told.write({ term: 1, vote: 'a', commit: 3 }, entries(5, 6, 1, 600));
  // The leader of term 2 replaces the tail; its commit stands for its own entries.
  await told.write({ term: 2, vote: 'b', commit: 5 }, entries(4, 5, 2));
  await told.snapshot(4, 2, 'state of four');
  await Promise.all([told.write({ term: 2, vote: 'b', commit: 6 }, entries(6, 9, 2)), told.snapshot(5, 2, 'state of five '.repeat(60))]);
  await told.write({ term: 3, vote: undefined, commit: 6 }, []);
  await told.snapshot(6, 2, 'state of six');
  await told.install(40, 4, 'state of the leader');
  await told.write({ term: 4, vote: undefined, commit: 41 }, entries(41, 44, 4));
  await told.storage.close();
}

export async function endAtEveryCall(segmentBytes: number, power: boolean): Promise<void> {
  for (let killAt = 1, ended = true; ended; killAt++) {
    const disk = newDisk(killAt);
    const system = disk.boot(killAt);
    const told = new Told(system);
    ended = (await Promise.race([system.killed, told.open({ segmentBytes }).then(wholeStory)])) === 'killed';
    if (ended && power) disk.loseUnsynced();
    const again = await new Told(disk.boot(), told.model).open({ segmentBytes }).catch((error: unknown) => {
      throw error instanceof Violation ? error : new Violation('start', `ended at call ${killAt}: ${(error as Error).message}`);
    });
    // It goes on from there.
    const { lastIndex, now } = again.model;
    await again.write({ ...now.hardState, term: now.hardState.term + 1 }, entries(lastIndex + 1, lastIndex + 2, now.hardState.term + 1));
    await again.storage.close();
    await new Told(disk.boot(), told.model).open({ segmentBytes });
  }
}

/** A process is killed at every call, the next one at every call too, and then the power goes: what the second built on must be there. */
export async function endTwiceAtEveryCall(): Promise<void> {
  for (let first = 1, ended = true; ended; first++) {
    for (let second = 1, endedAgain = true; ended && endedAgain; second++) {
      // Of two names that are not durable each is lost or not.
      for (let chance = 0; chance < 8; chance++) {
        const disk = newDisk(first * 10_000 + second * 10 + chance);
        const told = new Told(disk.boot(first));
        ended = await endsIn(told, async () => {
          await told.open({ segmentBytes: 1 });
          for (const index of [1, 2]) await told.write({ term: 1, vote: 'a', commit: 0 }, entries(index, index, 1));
        });
        const next = new Told(disk.boot(second), told.model);
        endedAgain = await endsIn(next, async () => {
          await next.open({ segmentBytes: 1 });
          await next.write({ ...next.model.now.hardState, term: 2 }, []);
        });
        disk.loseUnsynced();
        await new Told(disk.boot(), next.model).open().catch((error: unknown) => {
          throw new Violation('start', `ended at call ${first}, again at call ${second}, then without power: ${(error as Error).message}`);
        });
      }
    }
  }
}

/** Whether the process was killed before it had done its part. */
async function endsIn(told: Told, part: () => Promise<void>): Promise<boolean> {
  return (await Promise.race([told.system.killed, part()])) === 'killed';
}

/** A frame that is written in several pieces, on a disk whose power goes at every call. */
export async function powerLossAroundLargeFrame(): Promise<void> {
  for (let killAt = 1, ended = true; ended; killAt++) {
    const disk = newDisk(killAt);
    const system = disk.boot(killAt);
    const told = new Told(system);
    async function story(): Promise<void> {
      await told.open();
      await told.write({ term: 1, vote: 'a', commit: 0 }, entries(1, 1, 1, 2.5 * 1024 * 1024));
      await told.write({ term: 1, vote: 'a', commit: 1 }, entries(2, 2, 1));
      await told.storage.close();
    }
    ended = (await Promise.race([system.killed, story()])) === 'killed';
    if (ended) disk.loseUnsynced();
    const again = await new Told(disk.boot(), told.model).open();
    await again.storage.close();
  }
}

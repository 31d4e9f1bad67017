/** The disk tier's guided scripts: an end and a full disk at every call, rot at every byte, and what only a hand can do to a folder. */
import { join } from 'node:path';
import { damageOf } from '#disk/damage';
import type { Entry } from '#raft/message';
import { Violation, type Guided } from '#test/simulation/tier';
import { endAtEveryCall, endTwiceAtEveryCall, powerLossAroundLargeFrame } from './disk-endings.ts';
import { contentOf, diskBegin, diskFolder } from './disk-simulation.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import { check, configuration, entries, newDisk, openOn, refusal, Told } from './told-storage.ts';
import { VirtualClock } from './virtual-clock.ts';

const needsSpace = /^(write|sync|rename|open \S+ create)/;

/** The call that finds no space may be any, alone or with those after it. */
async function fullAtEveryCall(many: number): Promise<void> {
  for (let at = 1, refused = true; refused; at++) {
    const disk = newDisk();
    const told = await new Told(disk.boot()).open();
    let calls = 0;
    disk.refuse = (what) => needsSpace.test(what) && ++calls >= at && calls < at + many;
    let done = false;
    const story = tolerant(told).then(
      () => (done = true),
      (error: unknown) => {
        throw error instanceof Violation ? error : new Violation('full', `no space at call ${at}: ${(error as Error).message}`);
      },
    );
    for (let round = 0; round < 60 && !done; round++) await Promise.race([story, told.clock.advance(500)]);
    check(done, 'stuck', `no space at call ${at} for ${many}: it does not go on`);
    refused = calls >= at;
    disk.refuse = undefined;
    await new Told(disk.boot(), told.model).open();
  }
}

/** The story with snapshots that may fail for want of space, which is no failure of the log. */
async function tolerant(told: Told): Promise<void> {
  const unlessFull = (work: Promise<void>): Promise<void> =>
    work.catch((error: { facts?: { reason?: string } }) => {
      if (error.facts?.reason !== 'diskFull') throw error;
    });
  await told.write({ term: 1, vote: 'a', commit: 0 }, entries(1, 4, 1));
  await told.write({ term: 1, vote: 'a', commit: 3 }, entries(5, 6, 1, 600));
  await unlessFull(told.snapshot(3, 1, 'state of three'));
  await told.write({ term: 2, vote: 'b', commit: 5 }, entries(4, 9, 2));
  await told.clock.advance(1500);
  await unlessFull(told.snapshot(5, 2, 'state of five'));
  await told.write({ term: 2, vote: 'b', commit: 6 }, []);
  await unlessFull(told.install(40, 4, 'state of the leader'));
  await told.write({ ...told.model.now.hardState, commit: told.model.now.base }, []);
  await told.storage.close();
}

/** Several segments and two snapshots, closed well. */
async function closedDisk(): Promise<SimulatedDisk> {
  const disk = newDisk();
  const told = await new Told(disk.boot()).open({ segmentBytes: 300 });
  await told.write({ term: 1, vote: 'a', commit: 6 }, entries(1, 6, 1));
  await told.snapshot(5, 1, 'state of five');
  await told.write({ term: 1, vote: 'a', commit: 9 }, entries(7, 12, 1));
  await told.snapshot(8, 1, 'state of eight');
  await told.write({ term: 1, vote: 'a', commit: 12 }, entries(13, 14, 1));
  await told.storage.close();
  return disk;
}

function copyOf(disk: SimulatedDisk): SimulatedDisk {
  const copy = newDisk();
  for (const name of disk.names()) copy.put(join(diskFolder, name), Buffer.from(disk.bytes(join(diskFolder, name))));
  return copy;
}

/** Every byte of a log that was closed well, changed: refused with the files untouched, or nothing of it is missed. */
async function rotAnywhere(): Promise<void> {
  const whole = await closedDisk();
  const names = whole.names().filter((name) => name.startsWith('log-') || name.startsWith('snapshot-'));
  check(names.length >= 5, 'rot', `too little to rot: ${names.join(', ')}`);
  for (const name of names) for (let at = 0; at < whole.bytes(join(diskFolder, name)).length; at++) await rotAt(copyOf(whole), name, at);
}

async function rotAt(disk: SimulatedDisk, name: string, at: number): Promise<void> {
  const path = join(diskFolder, name);
  rotted(disk, name, at, (byte) => byte ^ (1 << (at % 8)) || 1);
  const rotten = disk.bytes(path);
  const opened = await openOn(disk.boot(), new VirtualClock()).catch((error: unknown) => damageOf(error) ?? String(error));
  if (typeof opened !== 'string')
    return check(opened.initial.snapshot.index + opened.initial.entries.length === 14, 'rot', `byte ${at} of ${name} takes entries away without a word`);
  // The seal at the very end cannot be told from a record when its own header is what is rotten.
  const expected = name === lastLog(disk) ? /^(corrupt|possibleLoss|newer|otherKey|otherMember)$/ : /^(corrupt|newer|otherKey|otherMember)$/;
  check(expected.test(opened), 'rot', `byte ${at} of ${name}: ${opened}`);
  check(disk.bytes(path).equals(rotten), 'untouched', `byte ${at} of ${name} is refused, and the file is changed`);
}

const rotted = (disk: SimulatedDisk, name: string, at: number, change: (byte: number) => number): void => {
  const bytes = Buffer.from(disk.bytes(join(diskFolder, name)));
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = change(bytes[place] ?? 0);
  disk.put(join(diskFolder, name), bytes);
};

function lastLog(disk: SimulatedDisk): string {
  return disk.names().findLast((name) => name.startsWith('log-')) ?? '';
}

/** Two snapshots of its own and three segments at least, as a crash leaves them. */
async function ownDisk(seal: boolean, change: readonly Entry[] = []): Promise<{ disk: SimulatedDisk; told: Told }> {
  const disk = newDisk();
  const told = await new Told(disk.boot()).open({ segmentBytes: 200 });
  await told.write({ term: 1, vote: 'a', commit: 3 }, entries(1, 6, 1));
  await told.snapshot(3, 1, 'state of three');
  await told.write({ term: 1, vote: 'a', commit: 6 }, entries(7, 12, 1));
  await told.snapshot(6, 1, 'state of six');
  if (change.length > 0) await told.write({ term: 1, vote: 'a', commit: 7 }, [{ ...change[0], index: 13 } as Entry]);
  await told.write({ term: 1, vote: 'a', commit: 7 }, entries(told.model.lastIndex + 1, 15, 1));
  if (seal) await told.clock.advance(1000);
  disk.kill();
  return { disk, told };
}

export const diskScripts: readonly Guided[] = [
  {
    name: 'a rotten last record is asked about, and the answer counts',
    run: async () => {
      const { disk, told } = await ownDisk(false);
      rotted(disk, lastLog(disk), -1, (byte) => byte ^ 255);
      check((await refusal(disk)) === 'possibleLoss', 'possible loss', 'a record that was acknowledged is taken for a torn write');
      const message = await openOn(disk.boot(), told.clock).then(
        () => '',
        (error: Error) => error.message,
      );
      disk.put(/touch (\S+)$/.exec(message)?.[1] ?? '', Buffer.alloc(0));
      const { initial, storage } = await openOn(disk.boot(), told.clock);
      check(initial.snapshot.index + initial.entries.length === 12, 'possible loss', 'the answer cuts off more than the record it is about');
      await storage.close();
    },
  },
  {
    name: 'with other managers nobody may accept a loss',
    run: async () => {
      const { disk, told } = await ownDisk(false, [{ index: 16, term: 1, kind: 'configuration', bytes: Buffer.from('a second manager') }]);
      rotted(disk, lastLog(disk), -1, (byte) => byte ^ 255);
      const message = await openOn(disk.boot(), told.clock).then(
        () => '',
        (error: Error) => error.message,
      );
      disk.put(/touch (\S+)$/.exec(message)?.[1] ?? '', Buffer.alloc(0));
      check((await refusal(disk)) === 'possibleLoss', 'possible loss', 'a member of several goes on without what it may have promised');
    },
  },
  {
    name: 'an idle log is sealed after a second',
    run: async () => {
      const { disk } = await ownDisk(true);
      for (let at = -60; at < -42; at++) rotted(disk, lastLog(disk), at, () => 0);
      check((await refusal(disk)) === 'corrupt', 'seal', 'damage before a seal is taken for a torn write');
    },
  },
  {
    name: 'a rotten newest snapshot is replaced by the one before and its log',
    run: async () => {
      const { disk, told } = await ownDisk(true);
      rotted(disk, disk.names().findLast((name) => name.startsWith('snapshot-')) ?? '', -1, (byte) => byte ^ 255);
      const { initial, state, warnings, storage } = await openOn(disk.boot(), told.clock).catch((error: unknown) => {
        throw new Violation('snapshot', (error as Error).message);
      });
      check(
        initial.snapshot.index === 3 && initial.entries.length === 12,
        'snapshot',
        `snapshot ${initial.snapshot.index} with ${initial.entries.length} entries`,
      );
      check((await contentOf(state)) === 'state of three' && warnings.length > 0, 'snapshot', 'the older snapshot is not what is used');
      await storage.close();
    },
  },
  {
    name: 'a log that nobody has written to since the start keeps what it says of the snapshot',
    run: async () => {
      const told = await new Told(newDisk().boot()).open();
      await told.write({ term: 3, vote: 'b', commit: 2 }, entries(1, 4, 1));
      await told.install(40, 4, 'state of the leader');
      await told.storage.close();
      const started = await new Told(told.system, told.model).open();
      for await (const piece of started.storage.read({ index: 40, term: 4, configuration })) void piece;
      await started.storage.close();
      await (await new Told(told.system, told.model).open()).storage.close();
    },
  },
  { name: 'a large frame is there or was never acknowledged, wherever the power goes', run: powerLossAroundLargeFrame },
  {
    name: 'a snapshot that the disk spoils is never marked',
    run: async () => {
      const { disk } = await ownDisk(true);
      const told = await openOn(disk.boot(), new VirtualClock());
      disk.spoil = (path, bytes) => (path.includes('snapshot-') ? Buffer.from(bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte))) : bytes);
      const taken = await told.storage.snapshot({ index: 7, term: 1, configuration }, [Buffer.from('state of seven')]).then(
        () => true,
        () => false,
      );
      check(!taken, 'read back', 'a snapshot that cannot be read is called done');
    },
  },
  {
    name: 'a log that is gone, cut short or of somebody else is refused by name',
    run: async () => {
      const { begin: _begin, ...none } = { begin: diskBegin };
      check(
        (await refusal(newDisk(), { ...none, begin: undefined as never })) === 'amnesia',
        'amnesia',
        'an empty folder is a new log for a member that had one',
      );
      const { disk } = await ownDisk(true);
      check((await refusal(disk, { node: 'b' })) === 'otherMember', 'owner', 'another node takes the folder');
      check((await refusal(disk, { cluster: 'other' })) === 'otherMember', 'owner', 'another group takes the folder');
      const short = await new Told(newDisk().boot()).open();
      await short.write({ term: 1, vote: 'a', commit: 9 }, entries(1, 3, 1)).catch(() => undefined);
      await short.storage.close();
      const refused = await openOn(short.system, short.clock).then(
        () => undefined,
        (error: unknown) => damageOf(error),
      );
      check(refused === 'amnesia', 'amnesia', 'a commit beyond the log is taken');
      for (const name of disk.names()) if (name.startsWith('log-')) disk.drop(join(diskFolder, name));
      check((await refusal(disk)) === 'noSnapshot', 'amnesia', 'snapshots without their log are taken for a new group');
    },
  },
  {
    name: 'what a removed segment said is said again',
    run: async () => {
      const disk = newDisk();
      const told = await new Told(disk.boot()).open({ segmentBytes: 1 });
      await told.write({ term: 1, vote: 'a', commit: 3 }, entries(1, 6, 1));
      await told.install(40, 4, 'state of the leader');
      await told.write(undefined, entries(41, 42, 4));
      await told.write(undefined, entries(43, 43, 4));
      // Whoever read a snapshot tidies up behind himself.
      await contentOf(told.storage.read({ index: 40, term: 4, configuration }));
      check(!disk.names().includes('log-000000000001'), 'tidy', disk.names().join(', '));
      await told.storage.close();
      await new Told(disk.boot(), told.model).open().catch((error: unknown) => {
        throw error instanceof Violation ? error : new Violation('start', (error as Error).message);
      });
    },
  },
  {
    name: 'who reads a snapshot tidies up, but takes nobody else’s away',
    run: async () => {
      const { disk } = await ownDisk(true);
      const { storage } = await openOn(disk.boot(), new VirtualClock());
      let saved = false;
      const saving = storage
        .snapshot(
          { index: 7, term: 1, configuration },
          Array.from({ length: 20 }, () => Buffer.alloc(50, 7)),
        )
        .then(() => (saved = true));
      while (!saved) await contentOf(storage.read({ index: 6, term: 1, configuration }));
      await saving;
      const names = disk.names().filter((name) => name.startsWith('snapshot-'));
      check(names.join() === 'snapshot-000000000000006-1,snapshot-000000000000007-1', 'tidy', names.join(', '));
      const reading = storage.read({ index: 6, term: 1, configuration });
      await reading.next();
      for (const index of [8, 9]) await storage.snapshot({ index, term: 1, configuration }, [Buffer.from('later')]);
      check(disk.names().includes('snapshot-000000000000006-1'), 'tidy', 'a snapshot goes while it is read');
      await reading.return(undefined);
      await storage.close();
    },
  },
  {
    name: 'an older file in the place of a newer one does not fit',
    run: async () => {
      const { disk } = await ownDisk(true);
      const logs = disk.names().filter((name) => name.startsWith('log-'));
      disk.put(join(diskFolder, logs[1] ?? ''), Buffer.from(disk.bytes(join(diskFolder, logs[0] ?? ''))));
      check((await refusal(disk)) === 'corrupt', 'chain', 'records are read twice');
    },
  },
  {
    name: 'a file of another past in the place of one’s own does not fit, though its numbers do',
    run: async () => {
      const begun = await ownDisk(true);
      const pasts = [copyOf(begun.disk), copyOf(begun.disk)] as const;
      for (const [at, disk] of pasts.entries()) {
        for (const index of [16, 17]) {
          const { storage } = await openOn(disk.boot(), new VirtualClock());
          await storage.write({
            hardState: undefined,
            entries: entries(index, index, 2 + at),
            installed: undefined,
            replies: [],
            attest: { term: 0, index: 0, lastTerm: 0 },
          });
          await storage.close();
        }
      }
      const [own, other] = pasts;
      const name = own.names().findLast((each) => each.startsWith('log-') && each !== lastLog(own)) ?? '';
      own.put(join(diskFolder, name), Buffer.from(other.bytes(join(diskFolder, name))));
      check((await refusal(own)) === 'corrupt', 'chain', 'records of another past are read');
    },
  },
  {
    name: 'after a start only those files go that no snapshot needs',
    run: async () => {
      const { disk, told } = await ownDisk(true);
      const again = await new Told(disk.boot(), told.model).open();
      await again.snapshot(7, 1, 'state of seven');
      await again.storage.close();
      await new Told(disk.boot(), told.model).open().catch((error: unknown) => {
        throw error instanceof Violation ? error : new Violation('start', (error as Error).message);
      });
    },
  },
  {
    name: 'what a broken snapshot left goes before anything is written',
    run: async () => {
      const { disk } = await ownDisk(true);
      disk.put(join(diskFolder, 'snapshot-000000000000009-1.new'), Buffer.alloc(5000));
      disk.capacity = disk.used;
      const told = await openOn(disk.boot(), new VirtualClock()).catch((error: unknown) => {
        throw new Violation('start', (error as Error).message);
      });
      check(!disk.names().some((name) => name.endsWith('.new')), 'leftovers', disk.names().join(', '));
      await told.storage.close();
    },
  },
  {
    name: 'what was begun is written from the reserve, though nobody makes room',
    run: async () => {
      const disk = newDisk();
      const told = await new Told(disk.boot()).open({ reserveBytes: 4000 });
      await told.write({ term: 1, vote: 'a', commit: 0 }, entries(1, 3, 1));
      disk.capacity = disk.used;
      let done = false;
      const writing = told.write({ term: 1, vote: 'a', commit: 3 }, entries(4, 6, 1)).then(
        () => (done = true),
        (error: unknown) => {
          throw new Violation('full', (error as Error).message);
        },
      );
      await Promise.race([writing, told.clock.advance(5000)]);
      check(done && told.storage.full !== undefined, 'reserve', `done: ${done}, full: ${told.storage.full !== undefined}`);
      disk.capacity = Infinity;
      for (let second = 0; second < 12; second++) await told.clock.advance(1000);
      check(told.storage.full === undefined && disk.names().includes('reserve'), 'reserve', 'changes are still refused though there is space');
      await told.storage.close();
    },
  },
  {
    name: 'a seal that found no room leaves its number to nobody',
    run: async () => {
      const disk = newDisk();
      const told = await new Told(disk.boot()).open();
      await told.write({ term: 1, vote: 'a', commit: 0 }, entries(1, 3, 1));
      disk.capacity = disk.used + 30;
      await told.clock.advance(1500);
      disk.capacity = Infinity;
      const writing = told.write({ term: 1, vote: 'a', commit: 3 }, entries(4, 6, 1)).catch((error: unknown) => {
        throw error instanceof Violation ? error : new Violation('full', (error as Error).message);
      });
      await Promise.all([writing, told.clock.advance(8000)]);
      await told.storage.close();
      await new Told(disk.boot(), told.model).open();
    },
  },
  {
    name: 'a stop while a vote is being written keeps the vote',
    run: async () => {
      const disk = newDisk();
      const told = await new Told(disk.boot()).open();
      await told.write({ term: 1, vote: 'a', commit: 0 }, entries(1, 2, 1));
      await Promise.all([told.write({ term: 2, vote: 'b', commit: 0 }, []), told.storage.close()]);
      await new Told(disk.boot(), told.model).open();
    },
  },
  { name: 'killed at every call', run: () => endAtEveryCall(500, false) },
  { name: 'the power goes at every call', run: () => endAtEveryCall(500, true) },
  { name: 'the power goes at every call, a segment for each record: stale tail at a segment change', run: () => endAtEveryCall(1, true) },
  { name: 'no space at any one call', run: () => fullAtEveryCall(1) },
  { name: 'no space at any call and eight after it', run: () => fullAtEveryCall(9) },
  { name: 'rot at every byte', run: rotAnywhere },
  { name: 'killed at every call, and again at every call, and then the power goes', run: endTwiceAtEveryCall },
];

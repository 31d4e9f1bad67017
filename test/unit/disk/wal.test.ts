import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { damageOf } from '#disk/damage';
import { realFileSystem, type OpenHow } from '#disk/file-system';
import type { Owner } from '#disk/header';
import { dataKey } from '#disk/key';
import { emptyRecord, type Record } from '#disk/record';
import { Space } from '#disk/space';
import { Wal, type WalContent, type WalOptions } from '#disk/wal';
import type { Entry } from '#raft/message';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';

const key = dataKey(Buffer.alloc(32, 1));
const owner: Owner = { cluster: 'c', incarnation: 1, node: 'a' };
const none = emptyRecord;
const first = 'log-000000000001';

function entry(index: number, term = 1): Record['entries'][number] {
  return { index, term, kind: 'normal', bytes: Buffer.from(`entry ${index} of term ${term}`) };
}

async function open(folder: string, options: Partial<WalOptions> = {}): Promise<{ wal: Wal; content: WalContent & { entries: readonly Entry[] } }> {
  await mkdir(folder, { recursive: true });
  const { files = realFileSystem, clock = new VirtualClock() } = options;
  const space = new Space({ folder, files, clock, chance: randomBytes, reserveBytes: 0, onChange: () => undefined });
  const { wal, content } = await Wal.open({
    folder,
    key,
    files,
    clock,
    space,
    chance: randomBytes,
    pause: () => nextTurn(),
    segmentBytes: 1e6,
    owner: () => owner,
    ...options,
  });
  const { first: from, last } = wal.range;
  return { wal, content: { ...content, entries: (await wal.read(from, last, Infinity)) ?? [] } };
}

/** A folder as a crash leaves it: the log is not closed, and its last frame holds entry `count`. */
async function written(count: number): Promise<{ folder: string; ends: number[] }> {
  const folder = await temporaryFolder();
  const { wal } = await open(folder);
  const ends: number[] = [];
  for (let index = 1; index <= count; index++) {
    await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: index - 1 }, entries: [entry(index)] });
    ends.push((await readFile(join(folder, first))).length);
  }
  return { folder, ends };
}

async function reopen(folder: string): Promise<WalContent & { entries: readonly Entry[] }> {
  const { wal, content } = await open(folder);
  await wal.close();
  return content;
}

/** One more life of the log, with a segment of its own. */
async function live(folder: string, ...entries: readonly Entry[]): Promise<void> {
  const { wal } = await open(folder);
  await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: 0 }, entries });
  await wal.close();
}

test('entries and hard state come back, truncations included', async () => {
  const { folder } = await written(3);
  const { wal, content } = await open(folder);
  expect(content.entries).toEqual([1, 2, 3].map((index) => ({ ...entry(index), bytes: Buffer.from(`entry ${index} of term 1`) })));
  await wal.append({ ...none, hardState: { term: 2, vote: undefined, commit: 1 }, entries: [entry(2, 2)] });
  await wal.close();
  const again = await reopen(folder);
  expect(again.hardState).toEqual({ term: 2, vote: undefined, commit: 1 });
  expect(again.entries.map(({ index, term }) => [index, term])).toEqual([
    [1, 1],
    [2, 2],
  ]);
});

const sector = 512;

/** A folder whose only segment is `bytes`. */
async function folderWith(bytes: Buffer): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, first), bytes);
  return folder;
}

test('a last frame cut at any byte is cut off, and the log goes on behind it', async () => {
  const { folder, ends } = await written(3);
  const whole = await readFile(join(folder, first));
  const target = await temporaryFolder();
  for (let end = ends[1] ?? 0; end < whole.length; end++) {
    const copy = join(target, String(end));
    await mkdir(copy);
    await writeFile(join(copy, first), whole.subarray(0, end));
    const { wal, content } = await open(copy);
    expect(content.entries.length, `cut at ${end}`).toBe(2);
    expect(content.hardState?.commit, `cut at ${end}`).toBe(1);
    await wal.append({ ...none, entries: [entry(3, 2)] });
    await wal.close();
    expect((await reopen(copy)).entries.map((one) => one.term)).toEqual([1, 1, 2]);
  }
}, 120_000);

test('a last frame of which any sector never reached the disk is cut off', async () => {
  const { folder } = await written(2);
  const before = await readFile(join(folder, first));
  const { wal } = await open(folder);
  await wal.append({ ...none, entries: [{ ...entry(3), bytes: Buffer.alloc(5 * sector, 7) }] });
  const second = join(folder, 'log-000000000002');
  const whole = await readFile(second);
  expect(before.equals(await readFile(join(folder, first)))).toBe(true);
  const frame = 35 + whole.readUInt16BE(29);
  for (let at = 0; at < whole.length; at += sector) {
    const copy = await temporaryFolder();
    await writeFile(join(copy, first), before);
    const bytes = Buffer.from(whole);
    bytes.fill(0, Math.max(at, frame), Math.min(at + sector, whole.length));
    await writeFile(join(copy, 'log-000000000002'), bytes);
    expect(
      (await reopen(copy)).entries.map(({ index }) => index),
      `sector at ${at}`,
    ).toEqual([1, 2]);
  }
  await wal.close();
});

test('a last frame of which a short write made the beginning durable and the rest never came is cut off', async () => {
  const { folder, ends } = await written(3);
  const whole = await readFile(join(folder, first));
  const begin = ends[1] ?? 0;
  // The file may have grown by less than the frame, or by all of it.
  for (const length of [begin + 60, whole.length])
    for (let durable = begin + 1; durable <= length - 8; durable++) {
      const bytes = Buffer.from(whole.subarray(0, length)).fill(0, durable);
      const { entries } = await reopen(await folderWith(bytes));
      expect(
        entries.map(({ index }) => index),
        `${durable - begin} bytes of ${length - begin}`,
      ).toEqual([1, 2]);
    }
}, 60_000);

test('a last frame that is all there and bad is a possible loss: refused untouched, until the operator accepts it', async () => {
  const { folder, ends } = await written(3);
  const whole = await readFile(join(folder, first));
  for (let at = ends[1] ?? 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const copy = await folderWith(bytes);
    const refused = await open(copy).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(damageOf(refused), `bit in byte ${at}`).toBe('possibleLoss');
    expect((await readFile(join(copy, first))).equals(bytes)).toBe(true);
    if (at % 7 !== 0) continue;
    await writeFile(join(copy, `accept-loss-1-${ends[1]}`), '');
    expect((await reopen(copy)).entries.map(({ index }) => index)).toEqual([1, 2]);
    expect(await readdir(copy)).toEqual([first]);
  }
}, 60_000);

test('an idle log is sealed, so that damage to its last record is told from a torn write', async () => {
  const folder = await temporaryFolder();
  const clock = new VirtualClock();
  const { wal } = await open(folder, { clock });
  await wal.append({ ...none, entries: [entry(1)] });
  const path = join(folder, first);
  const before = await readFile(path);
  await clock.advance(999);
  expect((await readFile(path)).length).toBe(before.length);
  // The write is real, so it is awaited by what comes after it.
  await clock.advance(1);
  await wal.close();
  const bytes = await readFile(path);
  expect(bytes.length).toBe(before.length + 42);
  // Damage to the seal itself loses nothing; damage before it is refused, torn as it may look.
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  expect((await reopen(await folderWith(bytes))).entries).toHaveLength(1);
  bytes.fill(0, before.length - 20, before.length);
  await expect(open(await folderWith(bytes))).rejects.toThrow(/is damaged, and whole records follow it/);
});

test('a flipped bit anywhere before the last frame is refused with file, place and advice, and nothing is changed', async () => {
  const { folder, ends } = await written(3);
  const path = join(folder, first);
  const whole = await readFile(path);
  for (let at = 0; at < (ends[1] ?? 0); at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    await writeFile(path, bytes);
    const refused = await open(folder).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(refused, `bit in byte ${at}`).toMatch(/log-000000000001 (is corrupt: the record at byte \d+|has format version|was sealed|belongs to)/);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await readdir(folder)).toEqual([first]);
  }
}, 60_000);

test('after a clean close a damaged last record is told from a torn write', async () => {
  const folder = await temporaryFolder();
  await live(folder, entry(1));
  const bytes = await readFile(join(folder, first));
  bytes.fill(0, bytes.length - 60, bytes.length - 42);
  await writeFile(join(folder, first), bytes);
  await expect(open(folder)).rejects.toThrow(/is corrupt/);
});

test('a missing segment between others is refused', async () => {
  const { folder } = await written(1);
  await live(folder, entry(2));
  await live(folder, entry(3));
  await unlink(join(folder, 'log-000000000002'));
  await expect(open(folder)).rejects.toThrow(/log-000000000002 is missing between others/);
});

test('an old file in the place of a newer one does not fit the chain', async () => {
  const { folder } = await written(1);
  await live(folder, entry(2));
  await live(folder, entry(3));
  await cp(join(folder, first), join(folder, 'log-000000000002'));
  await expect(open(folder)).rejects.toThrow(/log-000000000002 is corrupt: .* does not follow the record before it/);
});

test('small segments are followed by new ones, each of which repeats the hard state, and old ones can go', async () => {
  const folder = await temporaryFolder();
  const { wal } = await open(folder, { segmentBytes: 300 });
  for (let index = 1; index <= 20; index++) await wal.append({ ...none, hardState: { term: 3, vote: 'me', commit: 0 }, entries: [entry(index)] });
  const before = (await readdir(folder)).length;
  await wal.removeBelow(15);
  await wal.close();
  expect((await readdir(folder)).length).toBeLessThan(before / 2);
  const { entries, hardState } = await reopen(folder);
  expect(hardState).toEqual({ term: 3, vote: 'me', commit: 0 });
  expect(entries.at(-1)?.index).toBe(20);
  expect(entries[0]?.index).toBeLessThanOrEqual(16);
});

test('everybody who waits shares one write that is durable when it returns, and nothing resolves before that', async () => {
  const folder = await temporaryFolder();
  const events: string[] = [];
  const files = {
    ...realFileSystem,
    open: (path: string, how: OpenHow) => (events.push(how), realFileSystem.open(path, how)),
    write: async (file: number, bytes: Buffer, position: number) => {
      const count = await realFileSystem.write(file, bytes, position);
      events.push('written');
      return count;
    },
    syncData: async (file: number) => (await realFileSystem.syncData(file), void events.push('sync')),
  };
  const { wal } = await open(folder, { files });
  await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: 0 } });
  expect(events[0]).toBe('createDurable');
  events.length = 0;
  await Promise.all([1, 2, 3].map(async (index) => (await wal.append({ ...none, entries: [entry(index)] }), events.push(`done ${index}`))));
  expect(events).toEqual(['written', 'done 1', 'done 2', 'done 3']);
  await wal.close();
});

test('after a failed write nothing is acknowledged or written any more', async () => {
  const folder = await temporaryFolder();
  let broken = false;
  let writes = 0;
  const files = {
    ...realFileSystem,
    write: async (file: number, bytes: Buffer, position: number) => {
      writes++;
      if (broken) throw new Error('EIO');
      return await realFileSystem.write(file, bytes, position);
    },
  };
  const { wal } = await open(folder, { files });
  await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: 0 } });
  broken = true;
  writes = 0;
  const together = await Promise.allSettled([1, 2].map((index) => wal.append({ ...none, entries: [entry(index)] })));
  expect(together.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  broken = false;
  await expect(wal.append({ ...none, entries: [entry(1)] })).rejects.toThrow('EIO');
  expect(writes).toBe(1);
  await wal.close();
});

test('hard state and entries are one frame where a segment changes too', async () => {
  const folder = await temporaryFolder();
  const { wal } = await open(folder, { segmentBytes: 1 });
  await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: 0 }, entries: [entry(1), entry(2), entry(3)] });
  // The leader of term 2 replaces the tail, and its commit stands for its own entry 2.
  await wal.append({ ...none, hardState: { term: 2, vote: undefined, commit: 2 }, entries: [entry(2, 2)] });
  const last = (await readdir(folder)).toSorted().at(-1) ?? '';
  const whole = await readFile(join(folder, last));
  const headerEnd = 35 + whole.readUInt16BE(29);
  for (let end = headerEnd; end < whole.length; end++) {
    const copy = await temporaryFolder();
    await cp(join(folder, first), join(copy, first));
    await writeFile(join(copy, last), whole.subarray(0, end));
    const { hardState, entries } = await reopen(copy);
    expect([hardState?.term, hardState?.commit, entries.length], `cut at ${end}`).toEqual([1, 0, 3]);
  }
  await wal.close();
}, 60_000);

test('closing while a write waits never puts an older term and vote behind the newer', async () => {
  const folder = await temporaryFolder();
  const { wal } = await open(folder);
  await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: 0 } });
  const vote = wal.append({ ...none, hardState: { term: 2, vote: 'b', commit: 0 } });
  await Promise.all([vote, wal.close()]);
  expect((await reopen(folder)).hardState).toEqual({ term: 2, vote: 'b', commit: 0 });
});

test('what is handed over while an idle log is being sealed is written before the log closes', async () => {
  const folder = await temporaryFolder();
  const clock = new VirtualClock();
  let sealing = (): void => undefined;
  const begun = new Promise<void>((resolve) => (sealing = resolve));
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  let holds = false;
  const files = {
    ...realFileSystem,
    write: async (file: number, bytes: Buffer, position: number) => {
      if (holds) {
        holds = false;
        sealing();
        await held;
      }
      return await realFileSystem.write(file, bytes, position);
    },
  };
  const { wal } = await open(folder, { clock, files });
  await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: 0 }, entries: [entry(1)] });
  holds = true;
  await clock.advance(1000);
  await begun;
  const late = wal.append({ ...none, hardState: { term: 2, vote: 'b', commit: 0 }, entries: [entry(2, 2)] });
  const closed = wal.close();
  goOn();
  await Promise.all([late, closed]);
  const { hardState, entries } = await reopen(folder);
  expect([hardState?.vote, entries.length]).toEqual(['b', 2]);
});

test('a short write is finished, one that takes nothing means a full disk', async () => {
  const folder = await temporaryFolder();
  const files = { ...realFileSystem, write: (file: number, bytes: Buffer, at: number) => realFileSystem.write(file, bytes.subarray(0, 7), at) };
  const { wal } = await open(folder, { files });
  await wal.append({ ...none, entries: [entry(1)] });
  await wal.close();
  expect((await reopen(folder)).entries).toHaveLength(1);
});

test('a segment of another member or group is refused', async () => {
  const folder = await temporaryFolder();
  await live(folder, entry(1));
  await expect(open(folder, { owner: () => ({ ...owner, node: 'b' }) })).rejects.toThrow(/belongs to manager a, not to b/);
  await expect(open(folder, { owner: () => ({ ...owner, cluster: 'd' }) })).rejects.toThrow(/belongs to group c in its incarnation 1, not to group d/);
  // A group that was made anew from this member goes on with what it had; the older one does not take what is newer.
  const { wal } = await open(folder, { owner: () => ({ ...owner, incarnation: 2 }) });
  await wal.append({ ...none, entries: [entry(2)] });
  await wal.close();
  await expect(open(folder)).rejects.toThrow(/belongs to group c in its incarnation 2, not to group c in its incarnation 1/);
});

test('a large entry is sealed and written in slices, and comes back whole', async () => {
  const folder = await temporaryFolder();
  let pauses = 0;
  const { wal } = await open(folder, { pause: async () => void pauses++ });
  const bytes = Buffer.from(Array.from({ length: 5_000_001 }, (_, at) => (at * 13) & 0xff));
  await wal.append({ ...none, entries: [{ ...entry(1), bytes }, entry(2)] });
  await wal.close();
  expect(pauses).toBe(4);
  const { entries } = await reopen(folder);
  expect(Buffer.from(entries[0]?.bytes ?? []).equals(bytes)).toBe(true);
  expect(entries[1]?.index).toBe(2);
});

import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { damageOf } from '#disk/damage';
import { realFileSystem } from '#disk/file-system';
import { Storage, type Opened, type StorageOptions } from '#disk/storage';
import type { Write } from '#raft/ready';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';
import { until } from '../../support/machine.mjs';

const configuration = { voters: ['a'], learners: [] };

const begin = { index: 0, term: 0, configuration };
const base = { clock: new VirtualClock(), node: 'a', segmentBytes: 1e6, reserveBytes: 0 };

function open(folder: string, options: Partial<StorageOptions> = {}): Promise<Opened> {
  return Storage.open({ ...base, folder, begin, ...options });
}

async function whole(pieces: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces ?? []) parts.push(piece);
  return Buffer.concat(parts);
}

function job(from: number, to: number): Write {
  const entries = Array.from({ length: to - from + 1 }, (_, at) => ({
    index: from + at,
    term: 1,
    kind: 'normal' as const,
    bytes: Buffer.alloc(200, from + at),
  }));
  return { hardState: { term: 1, vote: 'a', commit: from - 1 }, entries, installed: undefined, replies: [], attest: { term: 1, index: to, lastTerm: 1 } };
}

async function snapshotNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('snapshot-')).sort();
}

test('a new folder starts from the given members and keeps them, whatever is given later', async () => {
  const folder = await temporaryFolder();
  await (await open(folder)).storage.close();
  const again = await open(folder, { begin: { index: 0, term: 0, configuration: { voters: ['b'], learners: [] } } });
  expect(again.initial.snapshot.configuration).toEqual(configuration);
  await again.storage.close();
});

test('a snapshot of several chunks comes back whole, with the entries behind it', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write(job(1, 10));
  const state = Buffer.from(Array.from({ length: 2.5 * 1024 * 1024 }, (_, at) => (at * 7) & 0xff));
  await storage.snapshot({ index: 8, term: 1, configuration }, [state.subarray(0, 10), state.subarray(10, 10), state.subarray(10)]);
  await storage.close();
  const again = await open(folder);
  expect((await whole(again.state)).equals(state)).toBe(true);
  expect(again.initial.snapshot).toMatchObject({ index: 8, term: 1 });
  expect(again.initial.entries.map((entry) => entry.index)).toEqual([9, 10]);
  await again.storage.close();
});

test('state on disk cannot be read as text', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  const secret = Buffer.from('correct horse battery staple');
  await storage.write({ ...job(1, 1), entries: [{ index: 1, term: 1, kind: 'normal', bytes: secret }] });
  await storage.snapshot({ index: 1, term: 1, configuration }, [secret]);
  await storage.close();
  for (const name of await readdir(folder)) expect((await readFile(join(folder, name))).includes(secret)).toBe(false);
  expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600);
});

test('when both snapshots are damaged and the log does not reach back, the start is refused with advice', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder, { segmentBytes: 100 });
  for (const at of [1, 11, 21]) {
    await storage.write(job(at, at + 9));
    await storage.snapshot({ index: at + 9, term: 1, configuration }, [Buffer.from(`state ${at}`)]);
  }
  await storage.close();
  const names = await snapshotNames(folder);
  expect(names.length).toBe(2);
  for (const name of names) await writeFile(join(folder, name), 'rotten');
  await expect(open(folder)).rejects.toThrow(/no usable snapshot .*is damaged.*Restore the state folder from a backup/);
});

test('a folder that lost its log but has snapshots is not taken for a new one', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write(job(1, 3));
  await storage.snapshot({ index: 3, term: 1, configuration }, [Buffer.from('state')]);
  await storage.close();
  for (const name of await readdir(folder)) if (name.startsWith('log-')) await rm(join(folder, name));
  await expect(open(folder)).rejects.toThrow(/no usable snapshot/);
  expect((await snapshotNames(folder)).length).toBe(1);
});

test('a key that others can read is refused with the command that helps', async () => {
  const folder = await temporaryFolder();
  await (await open(folder)).storage.close();
  await chmod(join(folder, 'key'), 0o644);
  await expect(open(folder)).rejects.toThrow(/can be read by others \(mode 644\): run chmod 600/);
});

test('what an interrupted snapshot left is removed at the next start', async () => {
  const folder = await temporaryFolder();
  await (await open(folder)).storage.close();
  await writeFile(join(folder, 'snapshot-000000000000005-1.new'), 'half');
  await (await open(folder)).storage.close();
  expect(await snapshotNames(folder)).toEqual([]);
});

/** The damage that opening is refused for. */
async function damage(folder: string, options: Partial<StorageOptions> = {}): Promise<string | undefined> {
  return await open(folder, options).then(
    async ({ storage }) => {
      await storage.close();
      return undefined;
    },
    (error: unknown) => damageOf(error) ?? String(error),
  );
}

test('a member whose log is gone is never a new one under its old id', async () => {
  const folder = await temporaryFolder();
  const { begin: _none, ...had } = { ...base, folder, begin };
  await expect(Storage.open(had)).rejects.toThrow(/the log of this manager is gone .* must not vote again as a/);
  const { storage } = await open(folder);
  await storage.write(job(1, 3));
  await storage.close();
  await (await Storage.open(had)).storage.close();
  for (const name of await readdir(folder)) if (name.startsWith('log-')) await rm(join(folder, name));
  expect(
    await Storage.open(had).then(
      () => undefined,
      (error: unknown) => damageOf(error),
    ),
  ).toBe('amnesia');
});

test('a commit beyond the log is amnesia', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write({ ...job(1, 3), hardState: { term: 1, vote: 'a', commit: 9 } });
  await storage.close();
  await expect(open(folder)).rejects.toThrow(/ends at entry 3, and 9 were committed/);
  expect(await damage(folder)).toBe('amnesia');
});

test('a folder of another member or group is refused', async () => {
  const folder = await temporaryFolder();
  const { storage, owner } = await open(folder);
  await storage.write(job(1, 3));
  await storage.close();
  expect(owner).toEqual({ cluster: expect.stringMatching(/^[0-9a-f]{24}$/), incarnation: 1, node: 'a' });
  expect(await damage(folder, { node: 'b' })).toBe('otherMember');
  expect(await damage(folder, { cluster: 'other' })).toBe('otherMember');
  const again = await open(folder, { incarnation: 2 });
  expect(again.owner).toEqual({ ...owner, incarnation: 2 });
  await again.storage.write(job(4, 4));
  await again.storage.close();
  expect((await open(folder)).owner.incarnation).toBe(2);
});

test('an installed snapshot voids the log before it, at once and after a restart', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder, { segmentBytes: 1000 });
  await storage.write(job(1, 10));
  await storage.snapshot({ index: 5, term: 1, configuration }, [Buffer.from('own')]);
  const meta = { index: 40, term: 3, configuration: { voters: ['a', 'b'], learners: [] } };
  await storage.receive(meta, [Buffer.from('of the '), Buffer.from('leader')]);
  // Received is not installed: a crash here leaves the old state.
  expect(await damage(folder)).toBeUndefined();
  await storage.receive(meta, [Buffer.from('of the '), Buffer.from('leader')]);
  expect((await whole(storage.read(meta))).toString()).toBe('of the leader');
  await storage.write({ ...job(41, 42), hardState: { term: 3, vote: 'b', commit: 40 }, installed: meta });
  await storage.close();
  expect(await snapshotNames(folder)).toEqual(['snapshot-000000000000040-3']);
  const again = await open(folder);
  expect(again.initial.snapshot).toEqual(meta);
  expect(again.initial.hardState).toEqual({ term: 3, vote: 'b', commit: 40 });
  expect(again.initial.entries.map(({ index }) => index)).toEqual([41, 42]);
  expect((await whole(again.state)).toString()).toBe('of the leader');
  await again.storage.close();
});

test('a second snapshot may arrive before the first is installed', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write(job(1, 3));
  const metas = [40, 50].map((index) => ({ index, term: 3, configuration }));
  for (const meta of metas) await storage.receive(meta, [Buffer.from(`state of ${meta.index}`)]);
  for (const installed of metas) {
    await storage.write({ ...job(1, 0), hardState: { term: 3, vote: 'b', commit: installed.index }, installed });
    expect((await whole(storage.read(installed))).toString()).toBe(`state of ${installed.index}`);
  }
  await storage.close();
  expect(await snapshotNames(folder)).toEqual(['snapshot-000000000000050-3']);
  const again = await open(folder);
  expect((await whole(again.state)).toString()).toBe('state of 50');
  await again.storage.close();
});

/** A storage whose looks into its folder wait for `look`, once it has received the snapshot that `install` puts into force; `looking` resolves when one waits. */
async function withHeldLooks() {
  const story: string[] = [];
  let look = (): void => {};
  let began = (): void => {};
  let held = Promise.resolve();
  const list = async (path: string): Promise<readonly string[]> => {
    began();
    await held;
    story.push('looked');
    return realFileSystem.list(path);
  };
  const { storage } = await open(await temporaryFolder(), { files: { ...realFileSystem, list } });
  const installed = { index: 40, term: 3, configuration };
  await storage.receive(installed, [Buffer.from('of the leader')]);
  held = new Promise((resolve) => (look = resolve));
  story.length = 0;
  const looking = new Promise<void>((resolve) => (began = resolve));
  const install = () => storage.write({ ...job(1, 0), hardState: { term: 3, vote: 'b', commit: 40 }, installed });
  /** As long as a log needs that nothing holds. */
  const otherClosed = () => temporaryFolder().then(async (folder) => (await open(folder)).storage.close());
  return { storage, story, install, looking, look: () => look(), otherClosed };
}

test('who closes waits for what is done beside the log, so that the folder may go', async () => {
  const { storage, story, install, looking, look, otherClosed } = await withHeldLooks();
  const written = install();
  await looking;
  const closed = storage.close().then(() => story.push('closed'));
  await otherClosed();
  look();
  await Promise.all([written, closed]);
  expect(story).toEqual(['looked', 'closed']);
});

test('what is written after a snapshot was installed is told to be so after that', async () => {
  const { storage, story, install, looking, look, otherClosed } = await withHeldLooks();
  const installed = install().then(() => story.push('installed'));
  await looking;
  const next = storage.write({ ...job(41, 42), hardState: { term: 3, vote: 'b', commit: 40 } }).then(() => story.push('next'));
  await otherClosed();
  look();
  await Promise.all([installed, next]);
  expect(story).toEqual(['looked', 'installed', 'next']);
  await storage.close();
});

test('as many older snapshots stay as are asked for, and the log reaches back to the oldest', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder, { segmentBytes: 100 });
  for (const at of [1, 11, 21, 31, 41]) {
    await storage.write(job(at, at + 9));
    await storage.snapshot({ index: at + 9, term: 1, configuration }, [Buffer.from(`state ${at}`)], 3);
  }
  await storage.close();
  const names = await snapshotNames(folder);
  expect(names).toHaveLength(4);
  for (const name of names.toSorted().slice(1)) await writeFile(join(folder, name), 'rotten');
  const { initial } = await open(folder);
  expect([initial.snapshot.index, initial.entries.length]).toEqual([20, 30]);
});

test('a snapshot that is being read stays until it is read', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write(job(1, 30));
  await storage.snapshot({ index: 5, term: 1, configuration }, [Buffer.alloc(3_000_000, 5)]);
  const reading = storage.read({ index: 5, term: 1, configuration });
  await reading.next();
  for (const index of [10, 15, 20]) await storage.snapshot({ index, term: 1, configuration }, [Buffer.from(`state ${index}`)]);
  expect(await snapshotNames(folder)).toHaveLength(3);
  let bytes = 0;
  for await (const piece of reading) bytes += piece.length;
  expect(bytes).toBe(3_000_000 - 512 * 1024);
  expect(await snapshotNames(folder)).toHaveLength(2);
  await expect(storage.read({ index: 5, term: 1, configuration }).next()).rejects.toThrow(/no snapshot of entry 5 any more/);
  await storage.close();
});

/** A disk on which nothing more fits once `full` is set; what is there can be removed. */
function smallDisk(): { files: typeof realFileSystem; full: (is: boolean) => void } {
  let full = false;
  const files = {
    ...realFileSystem,
    write: (file: number, bytes: Buffer, at: number) =>
      full ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })) : realFileSystem.write(file, bytes, at),
  };
  return { files, full: (is) => (full = is) };
}

test('on a full disk writes wait, nothing fails, and it goes on where it was when there is space', async () => {
  const folder = await temporaryFolder();
  const clock = new VirtualClock();
  const disk = smallDisk();
  const told: (string | undefined)[] = [];
  const { storage } = await open(folder, { clock, files: disk.files, reserveBytes: 1000, onSpace: (full) => told.push(full?.message) });
  await storage.write(job(1, 3));
  disk.full(true);
  let done = false;
  const writing = storage.write(job(4, 5)).then(() => (done = true));
  while (!storage.full) await new Promise((resolve) => setImmediate(resolve));
  expect(storage.full).toMatchObject({ code: 'unavailable', facts: { reason: 'diskFull', folder } });
  await expect(storage.snapshot({ index: 2, term: 1, configuration }, [Buffer.from('x')])).rejects.toThrow(/the disk of .* is full/);
  expect(await snapshotNames(folder)).toEqual([]);
  await clock.advance(20_000);
  expect([done, await readdir(folder)]).toEqual([false, expect.not.arrayContaining(['reserve'])]);
  disk.full(false);
  // The disk is real, the clock is not: each goes on a little until both are through.
  await until(
    async () => (await clock.advance(1000), done && !storage.full),
    10_000,
    () => `${storage.full?.message} ${done}`,
  );
  await writing;
  expect(told).toEqual([expect.stringContaining('can be read but not changed until 1 MiB are free'), undefined]);
  expect((await stat(join(folder, 'reserve'))).size).toBe(1000);
  await storage.write(job(6, 6));
  await storage.close();
  const again = await open(folder, { reserveBytes: 1000 });
  expect(again.initial.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
  await again.storage.close();
});

test('a folder on a full disk can be opened, read and closed', async () => {
  const folder = await temporaryFolder();
  const first = await open(folder);
  await first.storage.write(job(1, 3));
  await first.storage.close();
  await writeFile(join(folder, 'snapshot-000000000000002-1.new'), Buffer.alloc(5000));
  const disk = smallDisk();
  disk.full(true);
  const { storage, initial } = await open(folder, { files: disk.files, reserveBytes: 1000 });
  expect(initial.entries).toHaveLength(3);
  expect(storage.full?.facts['reason']).toBe('diskFull');
  expect(await snapshotNames(folder)).toEqual([]);
  const waiting = storage.write(job(4, 4));
  await Promise.all([expect(waiting).rejects.toThrow(/is full/), storage.close()]);
});

test('a reserve that nobody is to wait for comes later, and a disk that has no room for it is full then', async () => {
  const clock = new VirtualClock();
  const [roomy, tight] = [await temporaryFolder(), await temporaryFolder()];
  const disk = smallDisk();
  const told: (string | undefined)[] = [];
  const soon = await open(roomy, { clock, reserveBytes: 1000, reserveLater: true });
  const never = await open(tight, { clock, files: disk.files, reserveBytes: 1000, reserveLater: true, onSpace: (full) => told.push(full?.message) });
  expect([await readdir(roomy), soon.storage.full, never.storage.full]).toEqual([expect.not.arrayContaining(['reserve']), undefined, undefined]);
  disk.full(true);
  await until(
    async () => (await clock.advance(1000), never.storage.full !== undefined && (await readdir(roomy)).includes('reserve')),
    10_000,
    () => 'neither is the reserve there nor the disk full',
  );
  disk.full(false);
  await until(
    async () => (await clock.advance(1000), !never.storage.full),
    10_000,
    () => `${never.storage.full?.message}`,
  );
  expect([soon.storage.full, told]).toEqual([undefined, [expect.stringContaining('can be read but not changed'), undefined]]);
  expect((await stat(join(tight, 'reserve'))).size).toBe(1000);
  await Promise.all([soon.storage.close(), never.storage.close()]);
});

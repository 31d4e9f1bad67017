import { cp, mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realFileSystem } from '#disk/file-system';
import { dataKey } from '#disk/key';
import type { Record } from '#disk/record';
import { Wal } from '#disk/wal';
import { temporaryFolder } from '#test/support/folder';

const key = dataKey(Buffer.alloc(32, 1));
const none: Record = { hardState: undefined, marks: [], entries: [] };
const first = 'log-000000000001';

function entry(index: number, term = 1): Record['entries'][number] {
  return { index, term, kind: 'normal', bytes: Buffer.from(`entry ${index} of term ${term}`) };
}

async function open(folder: string, options: Partial<Parameters<typeof Wal.open>[0]> = {}): Promise<Awaited<ReturnType<typeof Wal.open>>> {
  await mkdir(folder, { recursive: true });
  return await Wal.open({ folder, key, files: realFileSystem, segmentBytes: 1e6, ...options });
}

/** A folder as a crash leaves it: the log is not closed, and its last frame holds entry `count`. */
async function written(count: number): Promise<{ folder: string; ends: number[] }> {
  const folder = await temporaryFolder();
  const { wal } = await open(folder);
  const ends: number[] = [(await readFile(join(folder, first))).length];
  for (let index = 1; index <= count; index++) {
    await wal.append({ ...none, hardState: { term: 1, vote: 'a', commit: index - 1 }, entries: [entry(index)] });
    ends.push((await readFile(join(folder, first))).length);
  }
  return { folder, ends };
}

async function reopen(folder: string): Promise<Record & { tornBytes: number }> {
  const { wal, content } = await open(folder);
  await wal.close();
  return { ...content.merged, tornBytes: content.tornBytes };
}

test('entries and hard state come back, truncations included', async () => {
  const { folder } = await written(3);
  const { wal, content } = await open(folder);
  expect(content.merged.entries).toEqual([1, 2, 3].map((index) => ({ ...entry(index), bytes: Buffer.from(`entry ${index} of term 1`) })));
  await wal.append({ ...none, hardState: { term: 2, vote: undefined, commit: 1 }, entries: [entry(2, 2)] });
  await wal.close();
  const again = await reopen(folder);
  expect(again.hardState).toEqual({ term: 2, vote: undefined, commit: 1 });
  expect(again.entries.map(({ index, term }) => [index, term])).toEqual([
    [1, 1],
    [2, 2],
  ]);
});

test('a last frame torn at any byte is cut off, and the log goes on behind it', async () => {
  const { folder, ends } = await written(3);
  const whole = await readFile(join(folder, first));
  const start = ends[2] ?? 0;
  const target = await temporaryFolder();
  for (let end = start; end < whole.length; end++) {
    for (const filling of ['cut', 'zeros']) {
      const copy = join(target, `${end}-${filling}`);
      await mkdir(copy);
      const bytes = filling === 'cut' ? whole.subarray(0, end) : Buffer.concat([whole.subarray(0, end), Buffer.alloc(whole.length - end)]);
      await writeFile(join(copy, first), bytes);
      const { wal, content } = await open(copy);
      // A frame whose missing last bytes happen to be zero is whole.
      const intact = bytes.equals(whole);
      expect(content.merged.entries.length, `${filling} at ${end}`).toBe(intact ? 3 : 2);
      if (!intact) await wal.append({ ...none, entries: [entry(3, 2)] });
      await wal.close();
      expect((await reopen(copy)).entries.map((one) => one.term)).toEqual([1, 1, intact ? 1 : 2]);
    }
  }
}, 120_000);

test('a flipped bit anywhere before the last frame is refused with file, place and advice, and nothing is changed', async () => {
  const { folder, ends } = await written(3);
  const path = join(folder, first);
  const whole = await readFile(path);
  for (let at = 0; at < (ends[2] ?? 0); at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    await writeFile(path, bytes);
    const refused = await open(folder).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(refused, `bit in byte ${at}`).toMatch(/log-000000000001 (is corrupt: the record at byte \d+|has format version|was sealed)/);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await readdir(folder)).toEqual([first]);
  }
}, 60_000);

test('after a clean close a damaged last record is told from a torn write', async () => {
  const { folder } = await written(2);
  await reopen(folder);
  const path = join(folder, first);
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(path, bytes);
  await expect(open(folder)).rejects.toThrow(/is corrupt/);
});

test('a missing segment between others is refused', async () => {
  const { folder } = await written(1);
  await reopen(folder);
  await reopen(folder);
  await unlink(join(folder, 'log-000000000002'));
  await expect(open(folder)).rejects.toThrow(/log-000000000002 is missing between others/);
});

test('an old file in the place of a newer one does not fit the chain', async () => {
  const { folder } = await written(1);
  await reopen(folder);
  await reopen(folder);
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

test('everybody who waits shares one write and one sync, and nothing resolves before the sync', async () => {
  const folder = await temporaryFolder();
  const events: string[] = [];
  const files = {
    write: (file: number, bytes: Buffer, position: number) => (events.push('write'), realFileSystem.write(file, bytes, position)),
    syncData: async (file: number) => (await realFileSystem.syncData(file), void events.push('sync')),
  };
  const { wal } = await open(folder, { files });
  events.length = 0;
  await Promise.all([1, 2, 3].map(async (index) => (await wal.append({ ...none, entries: [entry(index)] }), events.push(`done ${index}`))));
  expect(events).toEqual(['write', 'sync', 'done 1', 'done 2', 'done 3']);
  await wal.close();
});

test('after a failed sync nothing is acknowledged or written any more', async () => {
  const folder = await temporaryFolder();
  let broken = false;
  let writes = 0;
  const files = {
    write: (file: number, bytes: Buffer, position: number) => (writes++, realFileSystem.write(file, bytes, position)),
    syncData: (file: number) => (broken ? Promise.reject(new Error('EIO')) : realFileSystem.syncData(file)),
  };
  const { wal } = await open(folder, { files });
  broken = true;
  writes = 0;
  const together = await Promise.allSettled([1, 2].map((index) => wal.append({ ...none, entries: [entry(index)] })));
  expect(together.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  broken = false;
  await expect(wal.append({ ...none, entries: [entry(1)] })).rejects.toThrow('EIO');
  expect(writes).toBe(1);
  await wal.close();
});

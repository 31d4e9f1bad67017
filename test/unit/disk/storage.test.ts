import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Storage, type Opened } from '#disk/storage';
import type { Write } from '#raft/ready';
import { temporaryFolder } from '#test/support/folder';

const configuration = { voters: ['a'], learners: [] };

function open(folder: string, segmentBytes = 1e6): Promise<Opened> {
  return Storage.open({ folder, segmentBytes, bootstrap: { index: 0, term: 0, configuration } });
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
  const again = await Storage.open({ folder, segmentBytes: 1e6, bootstrap: { index: 0, term: 0, configuration: { voters: ['b'], learners: [] } } });
  expect(again.initial.snapshot.configuration).toEqual(configuration);
  await again.storage.close();
});

test('a snapshot of several chunks comes back whole, with the entries behind it', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write(job(1, 10));
  const state = Buffer.from(Array.from({ length: 2.5 * 1024 * 1024 }, (_, at) => (at * 7) & 0xff));
  await storage.snapshot({ index: 8, term: 1, configuration }, state);
  await storage.close();
  const again = await open(folder);
  expect(Buffer.from(again.state ?? []).equals(state)).toBe(true);
  expect(again.initial.snapshot).toMatchObject({ index: 8, term: 1 });
  expect(again.initial.entries.map((entry) => entry.index)).toEqual([9, 10]);
  await again.storage.close();
});

test('state on disk cannot be read as text', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  const secret = Buffer.from('correct horse battery staple');
  await storage.write({ ...job(1, 1), entries: [{ index: 1, term: 1, kind: 'normal', bytes: secret }] });
  await storage.snapshot({ index: 1, term: 1, configuration }, secret);
  await storage.close();
  for (const name of await readdir(folder)) expect((await readFile(join(folder, name))).includes(secret)).toBe(false);
  expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600);
});

test('when both snapshots are damaged and the log does not reach back, the start is refused with advice', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder, 100);
  for (const at of [1, 11, 21]) {
    await storage.write(job(at, at + 9));
    await storage.snapshot({ index: at + 9, term: 1, configuration }, Buffer.from(`state ${at}`));
  }
  await storage.close();
  const names = await snapshotNames(folder);
  expect(names.length).toBe(2);
  for (const name of names) await writeFile(join(folder, name), 'rotten');
  await expect(open(folder)).rejects.toThrow(/no usable snapshot .*is damaged.*Restore the folder from a backup/);
});

test('a folder that lost its log but has snapshots is not taken for a new one', async () => {
  const folder = await temporaryFolder();
  const { storage } = await open(folder);
  await storage.write(job(1, 3));
  await storage.snapshot({ index: 3, term: 1, configuration }, Buffer.from('state'));
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

/** How much of the disk the mirrors of a repository and of all that it declares take together. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '#test/support/folder';
import type { MirrorPlace } from '../../../../src/gitops/protocol.ts';
import { MirrorShares } from '../../../../src/gitops/shares/mirror-shares.ts';
import { roomOn } from '../../../../src/gitops/worker/mirror-git.ts';

const quotaBytes = 10_000;
let folder: string;
let folders: string[];
let shares: MirrorShares;

beforeEach(async () => {
  folder = await temporaryFolder();
  folders = Array.from({ length: 30 }, (_, at) => join(folder, `m${at}`));
  shares = new MirrorShares((mirror) => ({ name: 'main', folders: folders.includes(mirror) ? folders : [mirror] }));
});

function hold(mirror: string, bytes: number): void {
  const packs = join(mirror, 'objects', 'pack');
  rmSync(packs, { recursive: true, force: true });
  mkdirSync(packs, { recursive: true });
  writeFileSync(join(packs, 'pack-1.pack'), Buffer.alloc(bytes));
}

const placeOf = (mirror: string): MirrorPlace => ({ folder: mirror, quotaBytes }) as MirrorPlace;

test('a repository that declares none has the bound of a mirror, and no other', async () => {
  const alone = placeOf(join(folder, 'alone'));
  expect((await shares.enter(alone)).place).toBe(alone);
});

test('however many a repository declares, whatever each of them takes, and in whatever order, all together stay within their bound', async () => {
  let sum = 0;
  for (const mirror of folders) {
    const { place, leave } = await shares.enter(placeOf(mirror));
    expect(place.quotaBytes).toBeLessThanOrEqual(quotaBytes);
    hold(mirror, place.quotaBytes);
    sum += place.quotaBytes;
    await leave();
  }
  expect(sum).toBeGreaterThan(9 * quotaBytes);
  expect(sum).toBeLessThanOrEqual(10 * quotaBytes);
  const { place, leave } = await shares.enter(placeOf(folders[29] ?? ''));
  expect(place.bound).toMatch(/^the 0 MiB that are left to it of the 0 MiB that repository main and all that it declares may take$/);
  await leave();
});

test('of those that fetch at once each has a part of what the others leave, and what they did not take is there again', async () => {
  const entered = await Promise.all(folders.slice(0, 8).map((mirror) => shares.enter(placeOf(mirror))));
  const let8 = entered.reduce((sum, { place }) => sum + place.quotaBytes, 0);
  expect(let8).toBeLessThanOrEqual(8 * quotaBytes);
  for (const { leave } of entered) await leave();
  expect((await shares.enter(placeOf(folders[20] ?? ''))).place.quotaBytes).toBe(quotaBytes);
});

test('what commits take that are only asked about counts as well', async () => {
  hold(`${folders[1]}.peek`, 5 * quotaBytes);
  expect((await shares.enter(placeOf(folders[0] ?? ''))).place.quotaBytes).toBe(quotaBytes / 2);
});

test('the last tenth of a disk is for the log of the cluster, or its last gibibyte', () => {
  const gibibyte = 1024 ** 3;
  const disk = (bytes: number, free: number) => ({ blocks: bytes / 4096, bavail: free / 4096, bsize: 4096 });
  expect(roomOn(disk(100 * gibibyte, 5 * gibibyte))).toBe(4 * gibibyte);
  expect(roomOn(disk(5 * gibibyte, gibibyte))).toBe(0.5 * gibibyte);
  expect(roomOn(disk(100 * gibibyte, gibibyte / 2))).toBeLessThan(0);
});

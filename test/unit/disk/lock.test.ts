import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeLock, checkLock, isLocked, loadKey } from '#disk/key';
import { realFileSystem } from '#disk/file-system';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lock-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [one, two] = [randomBytes(32), randomBytes(32)];
const load = (lock?: Uint8Array) => loadKey(realFileSystem, folder, randomBytes, lock);

test('a key that is sealed, sealed again and laid open is the same key', async () => {
  expect(await isLocked(folder)).toBe(false);
  const { id } = await load();
  const open = readFileSync(join(folder, 'key'));
  expect(await isLocked(folder)).toBe(false);
  await changeLock(folder, undefined, one);
  expect(await isLocked(folder)).toBe(true);
  expect(readFileSync(join(folder, 'key')).includes(open)).toBe(false);
  expect((await load(one)).id).toEqual(id);
  await changeLock(folder, one, two);
  expect((await load(two)).id).toEqual(id);
  await expect(changeLock(folder, one, undefined)).rejects.toMatchObject({ facts: { reason: 'otherUnlockKey' } });
  await changeLock(folder, two, undefined);
  expect(readFileSync(join(folder, 'key'))).toEqual(open);
});

test('a key that is made sealed never lies open', async () => {
  const { id } = await load(one);
  expect(await isLocked(folder)).toBe(true);
  expect((await load(one)).id).toEqual(id);
});

test('without the key, with another one, and of a file that was changed, nothing is read', async () => {
  await load(one);
  await expect(load()).rejects.toMatchObject({ facts: { reason: 'locked' } });
  await expect(load(two)).rejects.toMatchObject({ code: 'unauthenticated', facts: { reason: 'otherUnlockKey' } });
  await expect(checkLock(folder, two)).rejects.toMatchObject({ facts: { reason: 'otherUnlockKey' } });
  await checkLock(folder, one);
  const bytes = readFileSync(join(folder, 'key'));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(join(folder, 'key'), bytes);
  await expect(load(one)).rejects.toMatchObject({ facts: { reason: 'otherUnlockKey' } });
});

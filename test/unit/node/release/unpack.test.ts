/** What an archive may hold that becomes the program of every node. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readPackage } from '#node/release/unpack';
import { archiveOf, packageOf } from '#test/support/packages';

const paths = async (archive: Uint8Array): Promise<string[]> => (await readPackage(archive)).map(({ path }) => path);

test('a package is its plain files, with what may be run', async () => {
  const files = await readPackage(packageOf({ more: [{ path: 'package/lib/', type: '5', mode: 0o755 }] }));
  expect(files.map(({ path }) => path)).toEqual(['package.json', 'bin/package.json', 'bin/shoal', '.build/daemon.mjs', '.build/cli.mjs']);
  expect(files.filter(({ executable }) => executable).map(({ path }) => path)).toEqual(['bin/shoal']);
});

test.each([
  ['a way out', 'package/../../etc/cron.d/x', '0', 'is no path of a package'],
  ['a way out in the middle', 'package/a/../../x', '0', 'is no path of a package'],
  ['a path from the root', '/etc/passwd', '0', 'is no path of a package'],
  ['another folder', 'other/file', '0', 'is no path of a package'],
  ['a name with a line end', 'package/a\nb', '0', 'is no path of a package'],
  ['a symbolic link', 'package/link', '2', 'package of shoal: link is no plain file (type "2")'],
  ['a hard link', 'package/link', '1', 'is no plain file'],
  ['a device', 'package/disk', '3', 'is no plain file'],
  ['a pipe', 'package/pipe', '6', 'is no plain file'],
  ['names that say how to read the next one', 'package/x', 'x', 'is no plain file'],
  ['a second one of a name', 'package/package.json', '0', 'it holds package.json twice'],
  ['a file in the place of a folder', 'package/bin', '0', 'bin is a file and a folder'],
])('%s is refused by name', async (_what, path, type, text) => {
  await expect(readPackage(packageOf({ more: [{ path, type }] }))).rejects.toThrow(text);
});

test('what is damaged, cut off, no archive or beyond all measure is refused', async () => {
  await expect(paths(Buffer.from('no archive'))).rejects.toThrow('it is no gzip');
  await expect(paths(gzipSync(Buffer.alloc(700, 1)))).rejects.toThrow('a header of it is damaged');
  await expect(paths(packageOf().subarray(0, 200))).rejects.toThrow('it is no gzip');
  await expect(readPackage(gzipSync(Buffer.alloc(2048)), 2047)).rejects.toThrow('it holds more than 2047 bytes');
  const many = Array.from({ length: 5001 }, (_, at) => ({ path: `package/f${at}` }));
  await expect(paths(archiveOf(many))).rejects.toThrow('more than 5000 files');
});

import { expect, test } from 'vitest';
import { ObjectCache } from '../../../../src/gitops/worker/object-cache.ts';
import { Snapshot } from '../../../../src/gitops/worker/snapshot.ts';
import { heldObjects, type HeldFile } from '#test/support/held-objects';

const file = '100644';
const link = '120000';
const files: readonly HeldFile[] = [
  { path: 'stacks/web/target.txt', mode: file, text: 'hello' },
  { path: 'shared/key.txt', mode: file, text: 'hello' },
  { path: 'stacks/web/up', mode: link, text: '../../../etc/passwd' },
  { path: 'stacks/web/absolute', mode: link, text: '/etc/passwd' },
  { path: 'stacks/web/beside', mode: link, text: 'target.txt' },
  { path: 'stacks/common', mode: link, text: '../shared' },
  { path: 'stacks/loop', mode: link, text: 'loop' },
  { path: 'stacks/long', mode: link, text: 'a/'.repeat(100_000) },
  { path: 'stacks/sub', mode: '160000', text: '' },
  { path: 'stacks/huge', mode: file, text: 'x', size: 1e9 },
  { path: 'stacks/away', mode: file, text: 'y', absent: true },
  { path: 'stacks/sealed', mode: file, text: 'password: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]' },
];

async function read(path: string): Promise<string> {
  const { top, objects } = heldObjects(files);
  const snapshot = new Snapshot('c', top, objects, new ObjectCache().shelf('one'));
  for (let round = 0; round < 20; round++) {
    const before = snapshot.misses;
    const result = snapshot.read(path);
    if (snapshot.misses === before) return 'error' in result ? `error: ${result.error}` : new TextDecoder().decode(result.bytes);
    if (!(await snapshot.load())) return `absent: ${snapshot.absent.size}`;
  }
  return 'no end';
}

test.each([
  ['/repository/stacks/web/target.txt', 'hello'],
  ['/repository/stacks/web/beside', 'hello'],
  ['/repository/stacks/common/key.txt', 'hello'],
  ['/repository/stacks/web/none', 'error: open /repository/stacks/web/none: no such file or directory'],
  ['/repository/stacks/web', 'error: read /repository/stacks/web: is a directory'],
  ['/repository/stacks/web/up', 'error: /repository/stacks/web/up is a symbolic link out of the repository'],
  ['/repository/stacks/web/absolute', 'error: /repository/stacks/web/absolute is a symbolic link out of the repository'],
  ['/repository/stacks/loop', 'error: /repository/stacks/loop: too many symbolic links'],
  ['/repository/stacks/long', 'error: /repository/stacks/long is a symbolic link of more than 4096 characters'],
  ['/repository/stacks/sub', 'error: /repository/stacks/sub is a submodule, which is not followed'],
  ['/repository/stacks/huge', 'error: read /repository/stacks/huge: larger than 16777216 bytes'],
  ['/repository/stacks/away', 'absent: 1'],
  ['/repository/stacks/web/target.txt/below', 'error: open /repository/stacks/web/target.txt/below: no such file or directory'],
  ['/etc/passwd', 'error: /etc/passwd is outside the repository'],
  ['/repository/../etc/passwd', 'error: /etc/passwd is outside the repository'],
  ['/repositoryother', 'error: /repositoryother is outside the repository'],
])('%s reads as %s', async (path, text) => expect(await read(path)).toBe(text));

test('a path of 200,000 segments is refused, and one within the limit ends', async () => {
  expect(await read(`/repository/${'a/'.repeat(200_000)}b`)).toContain('is longer than 4096');
  expect(await read(`/repository/${'a/'.repeat(2000)}b`)).toContain('no such file');
});

test('an encrypted file reads as an error that says so', async () => {
  expect(await read('/repository/stacks/sealed')).toContain('stacks/sealed is encrypted with SOPS');
});

test('reads are noted with what they led to, and a changed file has another identity', async () => {
  const identities = async (text: string): Promise<ReadonlyMap<string, string>> => {
    const { top, objects } = heldObjects([...files, { path: 'stacks/web/other', mode: file, text }]);
    const snapshot = new Snapshot('c', top, objects, new ObjectCache().shelf('one'));
    const paths = ['/repository/stacks/web/target.txt', '/repository/stacks/web/other', '/repository/none'];
    for (let round = 0; round < 5; round++) {
      for (const path of paths) snapshot.read(path);
      await snapshot.load();
    }
    return snapshot.noting(() => paths.map((path) => snapshot.read(path))).inputs;
  };
  const [first, second] = [await identities('1'), await identities('2')];
  expect([...first.keys()]).toEqual([...second.keys()]);
  expect([...first].filter(([path, identity]) => second.get(path) !== identity).map(([path]) => path)).toEqual(['/repository/stacks/web/other']);
});

test('the cache forgets what was used longest ago, stays within its size, and shows nobody what another has', () => {
  const cache = new ObjectCache(250);
  const shelf = cache.shelf('one');
  for (const oid of ['a', 'b']) shelf.putBlob(oid, new Uint8Array(20));
  expect(shelf.blob('a')?.length).toBe(20);
  shelf.putBlob('c', new Uint8Array(20));
  expect(['a', 'b', 'c'].map((oid) => shelf.blob(oid)?.length)).toEqual([20, undefined, 20]);
  expect(cache.shelf('two').blob('a')).toBeUndefined();
});

import { expect, test } from 'vitest';
import type { Mirror, TreeEntry } from '../../../src/gitops/git.ts';
import { BlobCache, Snapshot } from '../../../src/gitops/snapshot.ts';

const contents: Record<string, string> = {
  file: 'hello',
  up: '../../../etc/passwd',
  absolute: '/etc/passwd',
  beside: 'target.txt',
  folder: '../shared',
  loop: 'loop',
};
const entries: TreeEntry[] = [
  { mode: '100644', oid: 'file', path: 'stacks/web/target.txt', size: 5 },
  { mode: '100644', oid: 'file', path: 'shared/key.txt', size: 5 },
  { mode: '120000', oid: 'up', path: 'stacks/web/up', size: 16 },
  { mode: '120000', oid: 'absolute', path: 'stacks/web/absolute', size: 11 },
  { mode: '120000', oid: 'beside', path: 'stacks/web/beside', size: 10 },
  { mode: '120000', oid: 'folder', path: 'stacks/common', size: 9 },
  { mode: '120000', oid: 'loop', path: 'stacks/loop', size: 4 },
  { mode: '160000', oid: 'sub', path: 'stacks/sub', size: 0 },
  { mode: '100644', oid: 'huge', path: 'stacks/huge', size: 1e9 },
];

async function read(path: string): Promise<string> {
  const encode = (oid: string): [string, Uint8Array] => [oid, new TextEncoder().encode(contents[oid] ?? '')];
  const mirror = { blobs: async (oids: readonly string[]) => new Map(oids.map(encode)) } as unknown as Mirror;
  const snapshot = new Snapshot('c', entries, mirror, new BlobCache());
  for (;;) {
    const before = snapshot.misses;
    const result = snapshot.read(path);
    await snapshot.load();
    if (snapshot.misses > before) continue;
    return 'error' in result ? `error: ${result.error}` : new TextDecoder().decode(result.bytes);
  }
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
  ['/repository/stacks/sub', 'error: /repository/stacks/sub is a submodule, which is not followed'],
  ['/repository/stacks/huge', 'error: read /repository/stacks/huge: larger than 16777216 bytes'],
  ['/etc/passwd', 'error: /etc/passwd is outside the repository'],
  ['/repository/../etc/passwd', 'error: /etc/passwd is outside the repository'],
  ['/repositoryother', 'error: /repositoryother is outside the repository'],
])('%s reads as %s', async (path, text) => expect(await read(path)).toBe(text));

test('the cache forgets the oldest first and stays within its size', () => {
  const cache = new BlobCache(10);
  for (const oid of ['a', 'b', 'c']) cache.put(oid, new Uint8Array(4));
  expect([cache.get('a'), cache.get('b')?.length, cache.get('c')?.length]).toEqual([undefined, 4, 4]);
});

/** What the leader holds of repositories is bounded: over all, and of each with those that it declares. */
import { expect, test } from 'vitest';
import type { RepositorySpec } from '#model/object/repository';
import type { GitWorkers } from '../../../../src/gitops/git-workers.ts';
import type { MirrorPlace, RenderQuestion } from '../../../../src/gitops/protocol.ts';
import { RepositoryReader } from '../../../../src/gitops/repository-reader.ts';
import { HeldBytes } from '../../../../src/gitops/shares/held-bytes.ts';
import { Houses } from '../../../../src/gitops/shares/houses.ts';

const mebibyte = 1024 * 1024;

test('a house has its share, whoever of it takes it, and all have theirs; what is given back is there for others', () => {
  const held = new HeldBytes({ allBytes: 100 * mebibyte, houseBytes: 60 * mebibyte });
  const [parent, child, other] = [held.part('a', 'parent'), held.part('a', 'child'), held.part('b', 'other')];
  parent.set(40 * mebibyte);
  expect(() => child.set(21 * mebibyte)).toThrow(
    'the stacks of repository child, and of those that belong to it, are larger with their files than their share of 60 MiB',
  );
  child.set(20 * mebibyte);
  expect(() => other.add(16 * mebibyte)).toThrow('than the 75 MiB that are held: there is no room for those of other');
  other.add(15 * mebibyte);
  expect(() => other.add(1)).toThrow('there is no room');
  // The last quarter is for those that are small.
  const small = Array.from({ length: 5 }, (_, at) => held.part(`small ${at}`, 'small'));
  for (const each of small.slice(0, 4)) each.set(6 * mebibyte);
  expect(() => small[0]?.add(mebibyte)).toThrow('there is no room');
  expect(() => small[4]?.set(2 * mebibyte)).toThrow('than the 100 MiB');
  for (const each of small) each.end();
  parent.set(20 * mebibyte);
  other.add(20 * mebibyte);
  child.end();
  // Whoever has ended holds nothing any more.
  child.set(60 * mebibyte);
  other.add(20 * mebibyte);
  parent.end();
  other.add(5 * mebibyte);
  expect(() => other.add(1)).toThrow('their share of 60 MiB');
});

test('a house is the repository that an operator added, with all below it', () => {
  const houses = new Houses();
  for (const [ID, Parent] of [
    ['grandchild', 'child'],
    ['child', 'top'],
    ['top', undefined],
    ['other', undefined],
  ] as const)
    houses.note({ ID, ...(Parent && { Parent }), Spec: { Name: `${ID} by name` } });
  expect(['grandchild', 'child', 'top', 'other'].map((id) => houses.of(id))).toEqual(['top', 'top', 'top', 'other']);
  expect(houses.with('child')).toEqual({ name: 'top by name', ids: ['grandchild', 'child', 'top'] });
});

test('a commit that does not fit into the share is refused by name, and what was read stays; one that fits takes the place of any other', async () => {
  const sizes: Record<string, number> = { small: 10, large: 70, fits: 50, 'fits as well': 60, asked: 60 };
  let head = 'small';
  const workers = {
    fetch: async () => head,
    peek: async ({ ref }: MirrorPlace) => ref,
    render: async ({ commit, have }: RenderQuestion) => {
      const [mine, digest] = [{ Name: 'a', Path: 's', Commit: commit, errors: ['no'] }, `digest of ${commit}`];
      const same = have['a'] === digest;
      const stacks = same ? [] : [{ stack: mine, digest, bytes: (sizes[commit] ?? 0) * mebibyte }];
      return { missing: false, declared: {}, stacks, same: same ? ['a'] : [], wanting: [], author: '' };
    },
  } as unknown as GitWorkers;
  const bounds = { allBytes: 100 * mebibyte, houseBytes: 60 * mebibyte };
  const [held, asked] = [new HeldBytes(bounds), new HeldBytes(bounds)];
  const parts = {
    workers,
    place: { folder: '/nowhere', home: '/nowhere' } as MirrorPlace,
    signal: new AbortController().signal,
    line: async () => undefined,
    sealing: async () => ({ identity: undefined, keys: undefined }),
    shares: { followed: () => held.part('main', 'main'), asked: () => asked.part('main', 'main') },
    changed: () => {},
  };
  const reader = new RepositoryReader({ Name: 'main', Path: 'stacks' } as RepositorySpec, parts);
  await reader.look();
  const beside = held.part('main', 'child');
  head = 'large';
  await expect(reader.look()).rejects.toThrow('the stacks of repository main');
  expect(reader.rendered?.commit).toBe('small');
  // Nothing of it is counted any more.
  beside.set(50 * mebibyte);
  beside.set(0);
  // All of its stacks change, and each version is larger than half of the share.
  for (const commit of ['fits', 'fits as well', 'fits']) {
    head = commit;
    await reader.look();
    expect(reader.rendered?.commit).toBe(commit);
  }
  // What is asked about, or is on its way, takes nothing of what is followed.
  const peeked = await reader.peek('asked');
  await expect(reader.peek('small')).rejects.toThrow('their share');
  beside.set(10 * mebibyte);
  expect(() => beside.add(1)).toThrow('their share');
  beside.set(0);
  const pushed = reader.coming();
  pushed.set(50 * mebibyte);
  beside.set(10 * mebibyte);
  expect(() => pushed.add(1)).toThrow('their share');
  pushed.end();
  peeked.done();
  (await reader.peek('small')).done();
  reader.stop();
  beside.set(60 * mebibyte);
});

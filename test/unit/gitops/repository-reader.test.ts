import { expect, test } from 'vitest';
import type { RepositorySpec } from '#model/object/repository';
import type { GitWorkers } from '../../../src/gitops/git-workers.ts';
import type { MirrorPlace, RenderQuestion } from '../../../src/gitops/protocol.ts';
import { RepositoryReader } from '../../../src/gitops/repository-reader.ts';

test('only what is followed is rendered with its sealed files open; a ref is compared with that', async () => {
  const asked: string[] = [];
  const workers = {
    fetch: async () => 'followed',
    peek: async ({ ref }: MirrorPlace) => ref ?? 'newer',
    render: async ({ commit, closed }: RenderQuestion) => {
      asked.push(`${commit}${closed === true ? ' closed' : ''}`);
      return { missing: false, declared: {}, stacks: [], same: [], wanting: [], author: '' };
    },
  } as unknown as GitWorkers;
  const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
  const parts = {
    workers,
    place,
    signal: new AbortController().signal,
    line: async () => undefined,
    sealing: async () => ({ identity: undefined, keys: undefined }),
    changed: () => {},
  };
  const reader = new RepositoryReader({ Name: 'main', Path: 'stacks' } as RepositorySpec, parts);
  await reader.look();
  for (const ref of ['proposed', 'followed', undefined]) await reader.peek(ref);
  expect(asked).toEqual(['followed', 'followed', 'proposed closed', 'followed', 'newer']);
});

test('what a question says of the commit before fits into it, however long the names of that were', async () => {
  const sizes: number[] = [];
  let commit = 'long';
  const workers = {
    fetch: async () => commit,
    render: async ({ have }: RenderQuestion) => {
      sizes.push(Buffer.byteLength(JSON.stringify(have)));
      const named = (each: number) => ({ stack: { Name: `${each}${'n'.repeat(60_000)}`, Path: 's', Commit: commit, errors: ['no'] }, digest: 'd' });
      return { missing: false, declared: {}, stacks: Array.from({ length: 90 }, (_, each) => named(each)), same: [], wanting: [], author: '' };
    },
  } as unknown as GitWorkers;
  const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
  const sealing = async () => ({ identity: undefined, keys: undefined });
  const parts = { workers, place, signal: new AbortController().signal, line: async () => undefined, sealing, changed: () => {} };
  const reader = new RepositoryReader({ Name: 'main', Path: 'stacks' } as RepositorySpec, parts);
  await reader.look();
  commit = 'mended';
  await reader.look();
  expect(sizes[0]).toBe(2);
  expect(sizes[1]).toBeGreaterThan(1_900_000);
  expect(sizes[1]).toBeLessThan(2_200_000);
});

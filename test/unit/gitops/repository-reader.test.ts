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

/** What the cluster keeps of what is pushed to it, and of the tokens of those who may push. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository, removeRepository, updateRepository } from '#control/repository/repositories';
import { dropPush, keepPiece, packsOf, takePush } from '#control/repository/pushed';
import { createToken, maySo, removeToken, tokenOf } from '#control/repository/tokens';
import type { RepositorySpec } from '#model/object/repository';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';

const asked: RepositorySpec = { Name: 'own', URL: '', Hosted: true, Branch: 'main', Path: 'stacks', Interval: 30 * second };
const commits = ['1', '2', '3'].map((digit) => digit.repeat(40));

function made(): { cluster: MemoryCluster; id: string; kept: () => string[]; pieces: () => number } {
  const cluster = initialisedCluster();
  const { ID: id } = cluster.run(createRepository(asked));
  const repository = () => cluster.store.get('repository', id) ?? { ID: id };
  const kept = () => packsOf(cluster.store, repository()).map((pack) => Buffer.from(pack).toString());
  return { cluster, id, kept, pieces: () => [...cluster.store.list('pack')].length };
}

/** As the repository is now, by somebody who came by the socket. */
const judged = (cluster: MemoryCluster, id: string) => ({ judged: cluster.store.get('repository', id)?.Spec ?? asked, token: undefined });

test('pieces stand for nothing before the word that follows them, and packs are whole and in order after it', () => {
  const { cluster, id, kept, pieces } = made();
  cluster.run(keepPiece(id, 'a', 1, Buffer.from('two')));
  cluster.run(keepPiece(id, 'a', 0, Buffer.from('one ')));
  cluster.run(keepPiece(id, 'lost', 0, Buffer.from('a push that broke off')));
  expect(kept()).toEqual([]);
  cluster.run(takePush(id, { ...judged(cluster, id), push: 'a', before: undefined, after: commits[0] ?? '', whole: true }));
  expect([kept(), pieces()]).toEqual([['one two'], 2]);
  cluster.run(keepPiece(id, 'b', 0, Buffer.from('more')));
  cluster.run(takePush(id, { ...judged(cluster, id), push: 'b', before: commits[0], after: commits[1] ?? '', whole: false }));
  expect(kept()).toEqual(['one two', 'more']);
  cluster.run(keepPiece(id, 'c', 0, Buffer.from('all of it')));
  cluster.run(takePush(id, { ...judged(cluster, id), push: 'c', before: commits[1], after: commits[2] ?? '', whole: true }));
  expect([kept(), pieces()]).toEqual([['all of it'], 1]);
  cluster.run(removeRepository('own'));
  expect(pieces()).toBe(0);
});

test('a push that was looked at before another one was taken is refused, and what broke off is given up', () => {
  const { cluster, id, pieces } = made();
  cluster.run(keepPiece(id, 'a', 0, Buffer.from('one')));
  const word = { ...judged(cluster, id), push: 'a', before: commits[2], after: commits[0] ?? '', whole: true };
  expect(() => cluster.run(takePush(id, word))).toThrow('somebody else pushed meanwhile');
  cluster.run(dropPush(id));
  expect(pieces()).toBe(0);
});

test('a push whose token is gone, or that was judged by what is not asked any more, is not taken', () => {
  const { cluster, id } = made();
  const word = { ...judged(cluster, id), push: 'a', before: undefined, after: commits[0] ?? '', whole: true };
  const { ID: token } = cluster.run(createToken('own', { role: 'push', note: '', digest: '1'.repeat(64) }));
  const { ID: reader } = cluster.run(createToken('own', { role: 'read', note: '', digest: '2'.repeat(64) }));
  expect(() => cluster.run(takePush(id, { ...word, token: reader }))).toThrow('a token with role read may not push');
  cluster.run(removeToken('own', token));
  expect(() => cluster.run(takePush(id, { ...word, token }))).toThrow('that token of repository own is gone');
  cluster.run(updateRepository('own', { Path: 'elsewhere' }));
  expect(() => cluster.run(takePush(id, word))).toThrow('repository own was changed meanwhile: push again');
  cluster.run(takePush(id, { ...word, ...judged(cluster, id) }));
});

test('what all repositories hold together has a bound', () => {
  const { cluster, id } = made();
  const piece = Buffer.alloc(16 * 1024 * 1024);
  for (let part = 0; part < 4; part++) cluster.run(keepPiece(id, 'a', part, piece));
  expect(() => cluster.run(keepPiece(id, 'a', 4, Buffer.alloc(1)))).toThrow('would be larger than 64 MiB');
});

test('a repository of the cluster has no place elsewhere, no login, and one branch', () => {
  const refused: [Partial<RepositorySpec>, string][] = [
    [{ URL: 'https://git.example/x.git' }, 'no URL'],
    [{ Credentials: { Password: 'x' } }, 'are for https:// repositories only'],
    [{ WebhookSecret: 'a long enough secret' }, 'no webhook'],
    [{ SemVer: '1' }, 'no --semver'],
    [{ Ref: 'v1' }, 'no --ref'],
    [{ Branch: '-x' }, 'no name of a branch'],
  ];
  for (const [more, why] of refused) expect(() => initialisedCluster().run(createRepository({ ...asked, ...more }))).toThrow(why);
});

test('while a manager does not know what is pushed there is no such repository', () => {
  const cluster = initialisedCluster();
  const [known] = [...cluster.store.list('cluster')];
  if (known) cluster.write([{ type: 'update', kind: 'cluster', object: { ...known, Shoal: { ...known.Shoal, FeatureLevel: 4 } } }]);
  expect(() => cluster.run(createRepository(asked))).toThrow('need all nodes of the cluster to run this version');
});

test('a token is known by its digest, may what its role says, and is gone when it is removed', () => {
  const { cluster, id } = made();
  const digest = createHash('sha256').update('shoal_x').digest('hex');
  const { ID } = cluster.run(createToken('own', { role: 'read', note: '', digest }));
  const repository = () => cluster.store.get('repository', id) ?? {};
  expect(tokenOf(repository(), 'shoal_x')).toMatchObject({ ID, Role: 'read' });
  expect([tokenOf(repository(), digest), tokenOf(repository(), ''), tokenOf({}, 'shoal_x')]).toEqual([undefined, undefined, undefined]);
  expect(() => cluster.run(createToken('own', { role: 'push', note: '', digest }))).toThrow('such a token already');
  expect(() => cluster.run(createToken('own', { role: 'push', note: '', digest: 'x' }))).toThrow('SHA-256');
  expect([maySo('read', 'push'), maySo('read', 'read'), maySo('push', 'read'), maySo('push', 'push')]).toEqual([false, true, true, true]);
  expect(() => cluster.run(removeToken('own', ''))).toThrow('has no token');
  cluster.run(removeToken('own', ID.slice(0, 8)));
  expect(tokenOf(repository(), 'shoal_x')).toBeUndefined();
});

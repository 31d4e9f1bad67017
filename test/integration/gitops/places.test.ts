/** Where a repository may be, how its changes are seen, and what happens when it cannot be read. */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GitWorkers, type FetchQuestion } from '#gitops/git-workers';
import { RepositoryReader } from '#gitops/repository-reader';
import { writeHome } from '#gitops/worker/git-environment';
import { removeRepository } from '#control/repository/repositories';
import { removeService, updateService } from '#control/service/services';
import { gitWorkerProgram } from '#test/support/git-worker-program';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';

let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  repository.commit({ 'stacks/a/compose.yml': stackFile() });
  following = await new Following().start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

test.each(['path', 'file URL', 'bare', 'bare file URL', 'worktree', 'Git folder'])(
  'a repository given as %s is followed, and a commit is seen long before the next poll',
  async (kind) => {
    const beside = join(repository.folder, '..', 'beside');
    if (kind.startsWith('bare')) repository.git('clone', '--quiet', '--bare', repository.folder, beside);
    if (kind === 'worktree') repository.git('worktree', 'add', '--quiet', '--detach', beside);
    const place = kind.startsWith('bare') || kind === 'worktree' ? beside : kind === 'Git folder' ? join(repository.folder, '.git') : repository.folder;
    const url = kind.endsWith('file URL') ? new URL(`file://${place}`).href : place;
    expect(await following.add(url)).toMatchObject({ State: 'synced', Commit: repository.git('rev-parse', 'HEAD') });
    expect(following.image('a_web')).toBe('app:1');
    repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
    if (kind.startsWith('bare')) repository.git('push', '--quiet', beside, 'main');
    await within(
      30_000,
      () => following.image('a_web') === 'app:2',
      () => JSON.stringify(following.status()),
    );
  },
);

test('commits are seen after gc, pack-refs, a pull and a new folder in the place of the old', async () => {
  await following.add(repository.folder);
  let number = 1;
  const seen = async () => {
    number += 1;
    repository.commit({ 'stacks/a/compose.yml': stackFile(`app:${number}`) });
    await within(
      30_000,
      () => following.image('a_web') === `app:${number}`,
      () => `app:${number}: ${JSON.stringify(following.status())}`,
    );
  };
  await seen();
  repository.git('pack-refs', '--all');
  await seen();
  repository.git('gc', '--quiet', '--prune=now');
  await seen();
  const upstream = new GitRepository();
  upstream.git('pull', '--quiet', repository.folder, 'main');
  upstream.commit({ 'stacks/a/compose.yml': stackFile('app:pulled') });
  repository.git('pull', '--quiet', upstream.folder, 'main');
  upstream.remove();
  await within(
    30_000,
    () => following.image('a_web') === 'app:pulled',
    () => JSON.stringify(following.status()),
  );
  await seen();
});

/** Workers that keep what they are asked. */
class NotingWorkers extends GitWorkers {
  readonly asked: FetchQuestion[] = [];

  override fetch(...given: Parameters<GitWorkers['fetch']>): Promise<string> {
    this.asked.push(given[0]);
    return super.fetch(...given);
  }
}

test('the look that follows the beginning of a watch asks git only where the files changed since', async () => {
  const workers = new NotingWorkers(gitWorkerProgram());
  const home = join(repository.folder, '..', 'reader');
  writeHome(home);
  const bounds = { quotaBytes: 1e8, timeouts: { silenceMs: 60_000, totalMs: 60_000 } };
  const place = { folder: join(home, 'mirror'), home, run: home, url: repository.folder, branch: 'main', ...bounds };
  const signal = new AbortController().signal;
  const spec = { Name: 'r', URL: repository.folder, Branch: 'main', Path: 'stacks', Interval: 3600e9 };
  const nothing = async (): Promise<undefined> => undefined;
  const reader = new RepositoryReader(spec, {
    workers,
    place,
    signal,
    line: nothing,
    sealing: async () => ({ identity: undefined, keys: undefined }),
    changed: () => {},
  });
  try {
    await reader.look();
    expect(reader.rendered?.stacks.map(({ Name }) => Name)).toEqual(['a']);
    expect(workers.asked.map(({ known }) => known)).toEqual([
      undefined,
      { commit: repository.git('rev-parse', 'HEAD'), signature: expect.stringContaining(repository.folder) as string },
    ]);
  } finally {
    reader.stop();
    workers.stop();
  }
});

test('a force-push is followed, also to a history that shares nothing', async () => {
  const first = repository.git('rev-parse', 'HEAD');
  await following.add(repository.folder);
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  repository.git('reset', '--quiet', '--hard', first);
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: first });
  expect(following.image('a_web')).toBe('app:1');
  repository.git('checkout', '--quiet', '--orphan', 'other');
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:3') });
  repository.git('branch', '-M', 'main');
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: repository.git('rev-parse', 'main') });
  expect(following.image('a_web')).toBe('app:3');
});

test('a repository that vanishes leaves everything in force, and its return heals', async () => {
  const { Commit = '' } = await following.add(repository.folder, { Interval: 1e9 });
  const aside = `${repository.folder}-aside`;
  renameSync(repository.folder, aside);
  const { entries } = following.cluster;
  await within(
    30_000,
    () => following.status().State === 'unavailable',
    () => JSON.stringify(following.status()),
  );
  expect(following.status()).toMatchObject({ Commit, Message: expect.stringContaining('does not appear to be a git repository') });
  expect(following.stacks()).toEqual(['a']);
  await following.sync();
  await following.sync();
  expect(following.cluster.entries).toBe(entries + 1);
  await following.restart();
  following.cluster.run(removeService('a_web'));
  await within(
    30_000,
    () => following.image('a_web') === 'app:1',
    () => JSON.stringify(following.status()),
  );
  expect(following.status().State).toBe('unavailable');
  renameSync(aside, repository.folder);
  await within(
    30_000,
    () => following.status().State === 'synced',
    () => JSON.stringify(following.status()),
  );
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  await within(
    30_000,
    () => following.image('a_web') === 'app:2',
    () => JSON.stringify(following.status()),
  );
});

test('with the repository and its mirror gone, what is in force is what the store holds: a change by hand is taken back, also behind a restart', async () => {
  repository.commit({ 'stacks/b/compose.yml': stackFile('b:1'), 'shoal.yml': 'stacks:\n  - stacks/a\n  - { path: stacks/b, sync: { self_heal: false } }\n' });
  await following.add(repository.folder);
  await following.gitops.stop();
  rmSync(repository.folder, { recursive: true });
  rmSync(join(following.state, 'repositories'), { recursive: true });
  mkdirSync(join(following.state, 'repositories'));
  const { cluster } = following;
  const wanted = following.image('a_web');
  for (const name of ['a_web', 'b_web']) {
    const service = cluster.store.byName('service', name);
    if (!service) throw new Error(`no service ${name}`);
    const { TaskTemplate } = service.Spec;
    const Spec = { ...service.Spec, TaskTemplate: { ...TaskTemplate, ContainerSpec: { ...TaskTemplate.ContainerSpec, Image: 'by:hand' } } };
    cluster.run(updateService(service.ID, service.Version.Index, Spec));
  }
  await following.restart();
  expect(await following.sync()).toMatchObject({ State: 'unavailable' });
  expect([following.image('a_web'), following.image('b_web')]).toEqual([wanted, 'by:hand']);
  expect(following.told().filter((line) => line.startsWith('drift reverted'))).toHaveLength(1);
});

test('a corrupt repository is unavailable, not empty', async () => {
  await following.add(repository.folder);
  repository.commit({ 'stacks/a/compose.yml': undefined, 'stacks/b/compose.yml': stackFile() });
  const objects = join(repository.folder, '.git/objects');
  for (const folder of readdirSync(objects)) if (folder.length === 2) rmSync(join(objects, folder), { recursive: true });
  expect(await following.sync()).toMatchObject({ State: 'unavailable' });
  expect(following.stacks()).toEqual(['a']);
});

test('without a watch the interval finds a commit', async () => {
  const bare = join(repository.folder, '..', 'elsewhere');
  await following.add(bare, { Interval: 1e9 });
  expect(following.status().State).toBe('unavailable');
  repository.git('clone', '--quiet', '--bare', repository.folder, bare);
  await within(
    30_000,
    () => following.status().State === 'synced',
    () => JSON.stringify(following.status()),
  );
});

test('a repository of another user, and one below a folder of another user, are read', async () => {
  if (process.getuid?.() !== 0) return;
  execFileSync('chown', ['-R', '65534:65534', repository.folder]);
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
  chownSync(join(repository.folder, '.git'), 1234, 1234);
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
});

test.each([
  ['an unknown branch', { Branch: 'nope' }, /has no branch nope/],
  ['a branch that another contains', { Branch: 'mai' }, /has no branch mai/],
])('%s is said', async (_what, more, message) => {
  expect(await following.add(repository.folder, more)).toMatchObject({ State: 'unavailable', Message: expect.stringMatching(message) });
});

test('an empty repository is said, and its first commit is seen', async () => {
  const empty = new GitRepository();
  try {
    expect(await following.add(empty.folder)).toMatchObject({ State: 'unavailable', Message: expect.stringContaining('has no branch main') });
    empty.commit({ 'stacks/first/compose.yml': stackFile() });
    await within(
      30_000,
      () => following.stacks().includes('first'),
      () => JSON.stringify(following.status()),
    );
  } finally {
    empty.remove();
  }
});

test('a folder that the commit does not have is said', async () => {
  const status = await following.add(repository.folder, { Path: 'deploy/prod' });
  expect(status).toMatchObject({ State: 'degraded', Message: expect.stringContaining('has no folder deploy/prod') });
});

test.each([
  ['', ['stacks']],
  ['.', ['stacks']],
  ['stacks/', ['a']],
  ['./stacks', ['a']],
])('path %j finds %j', async (Path, names) => {
  repository.commit({ 'stacks/compose.yml': stackFile(), 'compose.yml': stackFile() });
  expect(await following.add(repository.folder, { Path })).toMatchObject({ State: 'synced' });
  expect(following.stacks()).toEqual(names);
});

test.each([
  ['https', 'https://someone:hunter2@127.0.0.1:PORT/x.git'],
  ['ssh', 'ssh://someone@127.0.0.1:PORT/x.git'],
  ['scp-like', 'someone@127.0.0.1:x.git'],
])('%s that nobody answers is refused clearly and without the password', async (_kind, url) => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const status = await following.add(url.replace('PORT', String(port)));
  expect(status.State).toBe('unavailable');
  expect(status.Message).toMatch(/refused|Failed to connect|Could not connect|cannot run ssh|denied|verification|not found/i);
  const said = JSON.stringify([status, following.told(), following.logged]);
  expect(said).not.toContain('hunter2');
  expect(status.Message).toContain('127.0.0.1');
});

test.each([
  'ext::sh -c "touch OWNED"',
  '--upload-pack=touch OWNED',
  '-x',
  'relative',
  'http://example.test/x',
  'git://example.test/x',
  'http://127.0.0.1.example.test/x',
  'ssh://-oProxyCommand=touch/x',
])('%j is refused at the door', async (url) => {
  await expect(following.add(url)).rejects.toThrow('is no repository');
  expect(following.cluster.store.byName('repository', 'infra')).toBeUndefined();
});

test('removing a repository stops looking and forgets its mirror', async () => {
  await following.add(repository.folder);
  const mirrors = () => readdirSync(join(following.state, 'repositories')).filter((name) => name !== 'home');
  expect(mirrors()).toHaveLength(1);
  following.cluster.run(removeRepository('infra'));
  await within(
    30_000,
    () => mirrors().length === 0,
    () => mirrors().join(),
  );
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  await expect(following.sync()).rejects.toThrow('repository infra not found');
  expect(following.image('a_web')).toBe('app:1');
  expect(existsSync(repository.folder)).toBe(true);
});

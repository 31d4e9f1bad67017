/** Repositories that mean harm: nothing outside the tree is read, nothing of theirs runs, one bad stack spoils no other. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';

let repository: GitRepository;
let following: Following;
/** Outside the tree, and only there. */
const canary = 'canary-3f9a';

beforeEach(async () => {
  repository = new GitRepository();
  writeFileSync(join(dirname(repository.folder), 'outside.txt'), canary);
  following = await new Following().start();
});

afterEach(async () => {
  // Nothing that a repository can do brings the content of another file anywhere.
  const everything = JSON.stringify([
    ...following.cluster.store.list('config'),
    ...following.cluster.store.list('service'),
    following.logged,
    following.told(),
  ]);
  expect(everything).not.toContain(canary);
  expect(everything).not.toContain(Buffer.from(canary).toString('base64'));
  await following.stop();
  repository.remove();
});

const good = { 'stacks/good/compose.yml': stackFile() };
const config = (file: string) => stackFile('app:1', `    configs: [c]\nconfigs:\n  c:\n    file: ${JSON.stringify(file)}\n`);

async function refusal(): Promise<string> {
  const status = await following.add(repository.folder);
  expect(status.State).toBe('degraded');
  expect(following.image('good_web')).toBe('app:1');
  expect(following.condition('good')?.State).toBe('applied');
  expect(following.image('bad_web')).toBeUndefined();
  expect([...following.cluster.store.list('config')]).toEqual([]);
  expect(following.condition('bad')).toMatchObject({ State: 'refused', Errors: status.Refused?.['bad'] });
  return following.condition('bad')?.Message ?? '';
}

test.each([
  ['../../../outside.txt', 'outside'],
  ['../../../../../../../../etc/hostname', 'outside'],
  ['/etc/hostname', 'outside'],
  ['..', 'is a directory'],
  ['none.txt', 'no such file'],
  ['~/x', ''],
  ['', ''],
  ['\u0000', ''],
])('a config from %j is refused', async (file, reason) => {
  repository.commit({ ...good, 'stacks/bad/compose.yml': config(file) });
  const message = await refusal();
  expect(message).toContain('stacks/bad/compose.yml');
  expect(message).toContain(reason);
});

test.each(['../../../outside.txt', '/etc/hostname'])('an env_file %j is refused', async (file) => {
  repository.commit({ ...good, 'stacks/bad/compose.yml': stackFile('app:1', `    env_file: ${file}\n`) });
  expect(await refusal()).toContain('outside');
});

test.each(['../../../outside.txt', '/etc/hostname', '/proc/self/environ'])('a link to %j is refused', async (target) => {
  mkdirSync(join(repository.folder, 'stacks/bad'), { recursive: true });
  symlinkSync(target, join(repository.folder, 'stacks/bad/link'));
  repository.commit({ ...good, 'stacks/bad/compose.yml': config('link') });
  expect(await refusal()).toContain('symbolic link out of the repository');
});

test('a link among the folders that leads out is refused, one that stays inside is followed', async () => {
  mkdirSync(join(repository.folder, 'stacks/bad'), { recursive: true });
  symlinkSync('../../..', join(repository.folder, 'stacks/bad/up'));
  repository.commit({ ...good, 'stacks/bad/compose.yml': config('up/outside.txt') });
  expect(await refusal()).toContain('symbolic link out of the repository');
  mkdirSync(join(repository.folder, 'shared'));
  symlinkSync('../../shared', join(repository.folder, 'stacks/bad/common'));
  repository.commit({ 'shared/c.txt': 'inside', 'stacks/bad/compose.yml': config('common/c.txt') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect([...following.cluster.store.list('config')].map((object) => Buffer.from(object.Spec.Data ?? '', 'base64').toString())).toEqual(['inside']);
});

test('a stack file that is a link out is refused, one to a neighbour is followed', async () => {
  for (const [name, target] of [
    ['bad', '/etc/passwd'],
    ['also', '../good/compose.yml'],
  ] as const) {
    mkdirSync(join(repository.folder, 'stacks', name), { recursive: true });
    symlinkSync(target, join(repository.folder, 'stacks', name, 'compose.yml'));
  }
  repository.commit(good);
  expect(await refusal()).toContain('symbolic link out of the repository');
  expect(following.image('also_web')).toBe('app:1');
});

test('links that run in a circle end', async () => {
  mkdirSync(join(repository.folder, 'stacks/bad'), { recursive: true });
  symlinkSync('two', join(repository.folder, 'stacks/bad/one'));
  symlinkSync('one', join(repository.folder, 'stacks/bad/two'));
  repository.commit({ ...good, 'stacks/bad/compose.yml': config('one') });
  expect(await refusal()).toContain('too many symbolic links');
});

test('submodules are not followed', async () => {
  const commit = repository.commit(good);
  repository.git('update-index', '--add', '--cacheinfo', `160000,${commit},stacks/bad/module`);
  writeFileSync(join(repository.folder, '.gitmodules'), `[submodule "m"]\n\tpath = stacks/bad/module\n\turl = ext::sh -c "touch ${repository.folder}/owned"\n`);
  mkdirSync(join(repository.folder, 'stacks/bad/module'), { recursive: true });
  writeFileSync(join(repository.folder, 'stacks/bad/compose.yml'), config('module/x'));
  repository.git('add', '.gitmodules', 'stacks/bad/compose.yml');
  repository.git('commit', '--quiet', '-m', 'submodule');
  expect(await refusal()).toMatch(/submodule|no such file/);
  expect(existsSync(join(repository.folder, 'owned'))).toBe(false);
});

test('huge files are refused by size, without being read', async () => {
  repository.commit({ ...good, 'stacks/bad/compose.yml': config('huge'), 'stacks/bad/huge': '\0'.repeat(17 * 1024 * 1024) });
  expect(await refusal()).toContain('larger than');
  repository.commit({ 'stacks/bad/compose.yml': `# ${'x'.repeat(17 * 1024 * 1024)}\n${stackFile()}` });
  expect(await following.sync()).toMatchObject({ State: 'degraded' });
  expect(following.condition('bad')?.Message).toContain('larger than');
});

/** A commit whose folder `stacks` holds `names`, each with the same stack. */
function commitFolders(names: readonly string[]): void {
  const mktree = (lines: string): string =>
    execFileSync('git', ['-C', repository.folder, 'mktree', '-z', '--missing'], { input: lines, encoding: 'utf8' }).trim();
  const folder = mktree(`100644 blob ${repository.hash(stackFile())}\tcompose.yml\0`);
  const stacks = mktree(names.map((name) => `040000 tree ${folder}\t${name}\0`).join(''));
  repository.moveMain(mktree(`040000 tree ${stacks}\tstacks\0`));
}

test('names that no stack could have are refused, each for itself', async () => {
  commitFolders(['it\'s "quoted"', 'new\nline', 'ünï 漢字', '-dash', 'sp ace', 'x'.repeat(300), 'good']);
  const status = await following.add(repository.folder);
  expect(following.image('good_web')).toBe('app:1');
  expect(status.State).toBe('degraded');
  for (const name of ['it\'s "quoted"', 'new\nline', 'x'.repeat(300)]) {
    expect.soft(following.cluster.store.byName('service', `${name}_web`), name).toBeUndefined();
  }
  const { entries } = following.cluster;
  await following.sync();
  await following.sync();
  expect(following.cluster.entries).toBe(entries);
});

test.each(['.git', '..', '.'])('a tree with the name %j is not taken over the wire', async (name) => {
  commitFolders([name, 'good']);
  const status = await following.add(repository.folder);
  expect(status).toMatchObject({ State: 'unavailable', Message: expect.stringMatching(/cannot be read: .*hasDot/) });
  expect(following.stacks()).toEqual([]);
});

test('a tree with the name "/abs" costs nothing but itself', async () => {
  const other = new GitRepository();
  try {
    other.commit(good);
    commitRawTree('/abs');
    expect(await following.add(repository.folder)).toMatchObject({ State: 'unavailable', Message: expect.stringContaining('fullPathname') });
    expect(await following.add(other.folder, { Name: 'other' })).toMatchObject({ State: 'synced' });
  } finally {
    other.remove();
  }
});

/** A commit with a tree entry of this name, which git's own tools refuse to write. */
function commitRawTree(name: string): void {
  const blob = repository.hash(stackFile());
  const tree = Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(blob, 'hex')]);
  const oid = execFileSync('git', ['-C', repository.folder, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally'], { input: tree, encoding: 'utf8' });
  repository.moveMain(oid.trim());
}

test('hooks, fsmonitor, filters and upload hooks of the followed repository never run', async () => {
  const owned = join(dirname(repository.folder), 'owned');
  const script = join(dirname(repository.folder), 'script');
  writeFileSync(script, `#!/bin/sh\ntouch '${owned}'\nexec "$@"\n`);
  chmodSync(script, 0o755);
  repository.commit({ ...good, '.gitattributes': '* filter=evil diff=evil\n' });
  for (const hook of ['post-upload-pack', 'reference-transaction', 'post-checkout', 'pre-auto-gc', 'fsmonitor-watchman', 'post-index-change']) {
    writeFileSync(join(repository.folder, '.git/hooks', hook), `#!/bin/sh\ntouch '${owned}'\n`, { mode: 0o755 });
  }
  const settings = [
    'core.fsmonitor',
    'core.sshCommand',
    'core.gitProxy',
    'uploadpack.packObjectsHook',
    'filter.evil.smudge',
    'diff.evil.textconv',
    'core.pager',
    'core.alternateRefsCommand',
  ];
  for (const setting of settings) repository.git('config', setting, script);
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
  expect(existsSync(owned)).toBe(false);
});

test.each(['--upload-pack=touch owned', '-x', 'refs/../x', 'main:refs/heads/other', '*', 'a b'])('the branch %j is refused at the door', async (Branch) => {
  repository.commit(good);
  await expect(following.add(repository.folder, { Branch })).rejects.toThrow('is no name of a branch');
});

test.each(['../x', '/etc', 'a/../../b'])('the folder %j is refused at the door', async (Path) => {
  await expect(following.add(repository.folder, { Path })).rejects.toThrow('must lead to a folder inside the repository');
});

test('two thousand stacks are rendered and applied in bounded time, and are then nothing to do', { timeout: 120_000 }, async () => {
  const files = Object.fromEntries(Array.from({ length: 2000 }, (_, number) => [`stacks/s${number}/compose.yml`, stackFile(`app:${number}`)]));
  repository.commit(files);
  const start = performance.now();
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
  const firstMs = performance.now() - start;
  expect(following.stacks()).toHaveLength(2000);
  repository.commit({ 'stacks/s7/compose.yml': stackFile('app:new') });
  const { entries } = following.cluster;
  const again = performance.now();
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  const secondMs = performance.now() - again;
  console.log(`2000 stacks: ${Math.round(firstMs)} ms at first, ${Math.round(secondMs)} ms for a commit that changes one`);
  expect(following.image('s7_web')).toBe('app:new');
  // One for the stack, one for the repository's status.
  expect(following.cluster.entries).toBe(entries + 2);
  expect(firstMs).toBeLessThan(60_000);
  expect(secondMs).toBeLessThan(15_000);
});

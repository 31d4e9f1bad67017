/** Mirrors stay small, whatever is pushed: only what stacks name is fetched, what nobody needs goes, and a quota holds. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bareCopy, startWebServer } from '#test/support/git-server';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';

const mebibyte = 1024 * 1024;
let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  repository.commit({ 'stacks/a/compose.yml': stackFile() });
  following = new Following(undefined, { quotaBytes: 2 * mebibyte });
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

/** Adds a file that no packing makes smaller to the next commit. */
function addNoise(path: string, bytes: number): void {
  mkdirSync(dirname(join(repository.folder, path)), { recursive: true });
  execFileSync('dd', ['if=/dev/urandom', `of=${join(repository.folder, path)}`, `bs=${bytes}`, 'count=1'], { stdio: 'ignore' });
}

function mirror(): string {
  const [name] = readdirSync(join(following.state, 'repositories')).filter((each) => each !== 'home' && !/\.(new|peek)$/.test(each));
  return join(following.state, 'repositories', name ?? 'none');
}

/** Bytes on disk of all files below. */
function sizeOf(folder: string): number {
  return Number(execFileSync('du', ['-s', '-B1', folder], { encoding: 'utf8' }).split('\t')[0]);
}

test('a blob that no stack names is not fetched, however large', async () => {
  addNoise('stacks/a/movie', 8 * mebibyte);
  repository.commit({});
  await following.start();
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
  expect(sizeOf(mirror())).toBeLessThan(mebibyte);
});

test('a blob that is larger than the quota makes its repository unavailable, says so, and leaves nothing; without it all is well', async () => {
  addNoise('stacks/b/movie', 8 * mebibyte);
  const named = stackFile('app:1', '    configs: [c]\nconfigs:\n  c:\n    file: movie\n');
  await following.start();
  await following.add(repository.folder);
  repository.commit({ 'stacks/b/compose.yml': named });
  expect(await following.sync()).toMatchObject({ State: 'unavailable', Message: expect.stringContaining('more room than the 2 MiB') });
  expect(following.stacks()).toEqual(['a']);
  expect(sizeOf(mirror())).toBeLessThan(mebibyte);
  repository.commit({ 'stacks/b': undefined, 'stacks/a/compose.yml': stackFile('app:2') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
});

test('a merge request takes no room of what is followed: it has its own beside the mirror, and is refused by name where that is too little', async () => {
  await following.start();
  await following.add(repository.folder);
  const propose = (name: string, bytes: number): void => {
    repository.git('checkout', '--quiet', '-B', name, 'main');
    const words = join(repository.folder, '..', 'words');
    writeFileSync(words, randomBytes(bytes).toString('base64'));
    repository.git('commit', '--quiet', '--allow-empty', '-F', words);
    repository.git('checkout', '--quiet', 'main');
  };
  const before = sizeOf(mirror());
  propose('large', 900 * 1024);
  await expect(following.gitops.planCommit('infra', 'large')).rejects.toThrow('commits may take which are only asked about');
  // One after the other, more than its room holds together.
  for (let each = 0; each < 4; each++) {
    propose(`small${each}`, 200 * 1024);
    expect((await following.gitops.planCommit('infra', `small${each}`)).stacks).toMatchObject([{ name: 'a', step: 'none' }]);
  }
  expect(sizeOf(mirror())).toBeLessThanOrEqual(before + 16 * 1024);
  addNoise('stacks/a/page', 480 * 1000);
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2', '    configs: [c]\nconfigs:\n  c:\n    file: page\n') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
  // What it would change is told with the files that it alone names.
  repository.git('checkout', '--quiet', '-B', 'more');
  addNoise('stacks/a/page', 100 * 1000);
  repository.commit({});
  expect((await following.gitops.planCommit('infra', 'more')).stacks).toMatchObject([{ name: 'a', step: 'apply' }]);
});

test('a server that leaves nothing out breaks the quota too, and the mirror is small again', async () => {
  const bare = bareCopy(repository.folder);
  const server = await startWebServer(dirname(bare), { plain: true });
  try {
    await following.start();
    expect(await following.add(`${server.url}/x.git`)).toMatchObject({ State: 'synced' });
    addNoise('movie', 8 * mebibyte);
    repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
    repository.git('push', '--quiet', bare, 'main');
    expect(await following.sync()).toMatchObject({ State: 'unavailable', Message: expect.stringContaining('more room than the 2 MiB') });
    expect(following.image('a_web')).toBe('app:1');
    expect(sizeOf(mirror())).toBeLessThan(mebibyte);
    expect(readdirSync(join(following.state, 'repositories')).filter((name) => name.endsWith('.new'))).toEqual([]);
  } finally {
    await server.stop();
  }
});

test('a commit that comes after the one before takes one fetch, and is read by the git that is there', async () => {
  const tools = mkdtempSync(join(tmpdir(), 'shoal-tools-'));
  const said = join(tools, 'said');
  const path = process.env['PATH'] ?? '';
  const git = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  const told = (): string[] => (existsSync(said) ? readFileSync(said, 'utf8').trim().split('\n') : []);
  // The command is the first word that is neither an option nor the value of one.
  const script = `#!/bin/sh\nfor word; do case "$skip$word" in skip*) skip= ;; -c | -C) skip=skip ;; -*) ;; *) echo "$word" >> '${said}'; break ;; esac; done\nexec '${git}' "$@"\n`;
  try {
    writeFileSync(join(tools, 'git'), script, { mode: 0o755 });
    process.env['PATH'] = `${tools}:${path}`;
    await following.start();
    expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
    expect(told().filter((word) => word !== 'version')).toEqual(['fetch', 'cat-file', 'fetch']);
    rmSync(said);
    process.env['PATH'] = path;
    repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
    expect(await following.sync()).toMatchObject({ State: 'synced' });
    expect(following.image('a_web')).toBe('app:2');
    expect(told()).toEqual(['fetch']);
  } finally {
    process.env['PATH'] = path;
    rmSync(tools, { recursive: true, force: true });
  }
});

test('what broken fetches left goes, and a damaged mirror is made anew', async () => {
  await following.start();
  await following.add(repository.folder);
  const folder = mirror();
  const pack = join(folder, 'objects', 'pack');
  writeFileSync(join(pack, 'tmp_pack_x1y2'), Buffer.alloc(mebibyte));
  for (const name of ['HEAD.lock', 'refs/heads/followed.lock', 'packed-refs.lock']) writeFileSync(join(folder, name), '');
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(readdirSync(pack).filter((name) => name.startsWith('tmp_'))).toEqual([]);
  for (const name of readdirSync(pack).filter((each) => each.endsWith('.pack'))) writeFileSync(join(pack, name), 'damaged', { mode: 0o600 });
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:3') });
  await following.sync();
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:3');
});

test('many fetches and rewritten histories leave a mirror that is at most twice as large as a fresh clone', async () => {
  await following.start();
  await following.add(repository.folder);
  const rounds = 60;
  for (let round = 0; round < rounds; round++) {
    if (round % 20 === 10) repository.git('reset', '--quiet', '--hard', 'HEAD~5');
    repository.commit({ 'stacks/a/compose.yml': stackFile(`app:${round}`), 'stacks/a/data': `${'x'.repeat(2000)}${round}` });
    expect(await following.sync()).toMatchObject({ State: 'synced' });
  }
  expect(following.image('a_web')).toBe(`app:${rounds - 1}`);
  const fresh = bareCopy(repository.folder, 'fresh.git');
  const packs = (folder: string): number => readdirSync(join(folder, 'objects', 'pack')).filter((name) => name.endsWith('.pack')).length;
  expect(packs(mirror())).toBeLessThanOrEqual(22);
  const [mine, theirs] = [mirror(), fresh].map((folder) =>
    readdirSync(join(folder, 'objects'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0),
  );
  console.log(`after ${rounds} fetches: mirror ${mine} bytes, fresh clone ${theirs} bytes`);
  expect(mine).toBeLessThan(2 * (theirs ?? 0));
});

test('a mirror of before, with objects outside packs, goes on and is packed', async () => {
  await following.start();
  await following.add(repository.folder);
  const folder = mirror();
  await following.gitops.stop();
  rmSync(folder, { recursive: true });
  const git = (...args: string[]) => execFileSync('git', ['-c', 'safe.directory=*', '-c', 'fetch.unpackLimit=100', '-C', folder, ...args], { stdio: 'ignore' });
  mkdirSync(folder);
  git('init', '--quiet', '--bare', '.');
  git('fetch', '--quiet', repository.folder, '+refs/heads/main:refs/heads/followed');
  await following.restart();
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
  expect(readdirSync(join(folder, 'objects')).toSorted()).toEqual(expect.arrayContaining(['pack']));
  expect(readdirSync(join(folder, 'objects')).filter((name) => /^[0-9a-f]{2}$/.test(name))).toEqual([]);
});

test('mirrors of repositories that are gone go at start', async () => {
  const left = join(following.state, 'repositories', 'gone');
  mkdirSync(left, { recursive: true });
  await following.start();
  await following.add(repository.folder);
  expect(readdirSync(join(following.state, 'repositories')).filter((name) => name === 'gone')).toEqual([]);
  const config = readFileSync(join(mirror(), 'config'), 'utf8');
  await following.restart();
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(readFileSync(join(mirror(), 'config'), 'utf8')).toBe(config);
});

test('a local repository whose files are pipes, links and heaps blocks nobody', async () => {
  const other = new GitRepository();
  try {
    other.commit({ 'stacks/other/compose.yml': stackFile() });
    following = new Following(undefined, { timeouts: { silenceMs: 1500, totalMs: 10_000 } });
    await following.start();
    const git = join(repository.folder, '.git');
    const harms: [string, () => void][] = [
      ['commondir', () => execFileSync('mkfifo', [join(git, 'commondir')])],
      ['packed-refs', () => execFileSync('mkfifo', [join(git, 'packed-refs')])],
      ['refs/heads/usr', () => execFileSync('ln', ['-s', '/usr', join(git, 'refs/heads/usr')])],
      ['refs/heads/pipe', () => execFileSync('mkfifo', [join(git, 'refs/heads/pipe')])],
    ];
    for (const [name, harm] of harms) {
      harm();
      const looked = following.add(repository.folder, { Name: `bad-${name.replaceAll('/', '-')}` });
      const status = await following.add(other.folder, { Name: `good-${name.replaceAll('/', '-')}` });
      expect(status.State, name).not.toBe('unavailable');
      expect(['unavailable', 'synced', 'degraded', 'held'], name).toContain((await looked).State);
      rmSync(join(git, name));
    }
  } finally {
    other.remove();
  }
});

/** A corpus of hostile stacks and repositories: nothing is written, nothing outside the tree is read, each says its reason. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';
import { hostileStacks } from '#test/support/hostile-stacks';

const canary = 'canary-77be';
let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  writeFileSync(join(dirname(repository.folder), 'outside.txt'), `A=${canary}\n`);
  following = await new Following().start();
});

afterEach(async () => {
  const { store } = following.cluster;
  const everything = JSON.stringify([
    ...store.list('config'),
    ...store.list('secret'),
    ...store.list('service'),
    ...store.list('repository'),
    following.logged,
    following.told(),
  ]);
  for (const form of [canary, Buffer.from(canary).toString('base64'), 'KEY-----', process.env['PATH'] ?? 'none']) expect(everything).not.toContain(form);
  await following.stop();
  repository.remove();
});

test(
  'each of more than two hundred hostile stacks is refused for itself, with its file, line, column and reason, and their good neighbour runs',
  { timeout: 180_000 },
  async () => {
    const stacks = hostileStacks();
    expect(stacks.length).toBeGreaterThanOrEqual(200);
    for (const { name, files, links = {} } of stacks) {
      const folder = join(repository.folder, 'stacks', name);
      mkdirSync(folder, { recursive: true });
      for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), name === 'file-not-utf8' ? Buffer.from(text, 'latin1') : text);
      for (const [path, target] of Object.entries(links)) symlinkSync(target, join(folder, path));
    }
    repository.commit({ 'stacks/good/compose.yml': stackFile() });
    const status = await following.add(repository.folder);
    expect(status.State).toBe('degraded');
    expect(following.image('good_web')).toBe('app:1');
    const services = [...following.cluster.store.list('service')].map((service) => service.Spec.Name);
    expect(services).toEqual(['good_web']);
    expect([...following.cluster.store.list('config'), ...following.cluster.store.list('secret')]).toEqual([]);
    for (const { name } of stacks) {
      const errors = status.Refused?.[name] ?? [];
      expect.soft(errors.length, name).toBeGreaterThan(0);
      for (const error of errors) expect.soft(error, name).toMatch(new RegExp(`^stacks/${name}(/|:)`));
      // Each by a rule, and not because its reader ended.
      for (const error of errors) expect.soft(error, name).not.toMatch(/of memory|worker process/);
      // Of one that cannot be opened nothing is known inside.
      if (name !== 'file-sealed-file') for (const error of errors) expect.soft(error, name).toMatch(/^stacks\/[^:]+:\d+:\d+: /);
      expect.soft(errors.join().length, name).toBeLessThan(100_000);
    }
  },
);

/** Repositories that are wrong as a whole: what becomes of them is said, and never more than itself is touched. */
const repositories: Readonly<Record<string, () => void>> = {
  'a folder of stacks that is a file': () => repository.commit({ stacks: 'x' }),
  'a folder of stacks that is a link out': () => {
    symlinkSync('/etc', join(repository.folder, 'stacks'));
    repository.commit({});
  },
  'a folder of stacks that is a submodule': () => repository.commitTree([{ mode: '160000', path: 'stacks', text: '1'.repeat(40) }]),
  'a tree that holds itself many times over': () => {
    let tree = mktree(`100644 blob ${repository.hash(stackFile())}\tcompose.yml\0`);
    for (let depth = 0; depth < 7; depth++) tree = mktree(Array.from({ length: 10 }, (_, n) => `040000 tree ${tree}\t${n}\0`).join(''));
    repository.moveMain(mktree(`040000 tree ${tree}\tother${'\0'}040000 tree ${tree}\tstacks\0`));
  },
  'a tree five hundred folders deep': () => {
    let tree = mktree(`100644 blob ${repository.hash(stackFile())}\tcompose.yml\0`);
    for (let depth = 0; depth < 500; depth++) tree = mktree(`040000 tree ${tree}\td\0`);
    repository.moveMain(mktree(`040000 tree ${tree}\tstacks\0`));
  },
  'more folders than are looked through': () => {
    const folder = mktree(`100644 blob ${repository.hash(stackFile())}\tcompose.yml\0`);
    const stacks = mktree(Array.from({ length: 10_001 }, (_, n) => `040000 tree ${folder}\ts${n}\0`).join(''));
    repository.moveMain(mktree(`040000 tree ${stacks}\tstacks\0`));
  },
  'a tree of a hundred thousand files': () => {
    const blob = repository.hash('x');
    const stacks = mktree(Array.from({ length: 100_000 }, (_, n) => `100644 blob ${blob}\tf${n}\0`).join(''));
    repository.moveMain(mktree(`040000 tree ${stacks}\tstacks\0`));
  },
  'a branch that is a blob': () => writeFileSync(join(repository.folder, '.git/refs/heads/main'), `${repository.hash('x')}\n`),
  'a branch that is nonsense': () => writeFileSync(join(repository.folder, '.git/refs/heads/main'), 'nonsense\n'),
  'a branch that names itself': () => writeFileSync(join(repository.folder, '.git/refs/heads/main'), 'ref: refs/heads/main\n'),
  'settings that include a file outside': () => appendFileSync(join(repository.folder, '.git/config'), '[include]\n\tpath = ../../outside.txt\n'),
  'settings that are broken': () => appendFileSync(join(repository.folder, '.git/config'), '[core\n'),
  'objects that lie elsewhere': () => writeFileSync(join(repository.folder, '.git/objects/info/alternates'), '/nowhere\n/etc\n'),
  'a pointer to another folder': () => {
    rmSync(join(repository.folder, '.git'), { recursive: true });
    writeFileSync(join(repository.folder, '.git'), 'gitdir: /etc\n');
  },
  'a pointer that is huge': () => {
    rmSync(join(repository.folder, '.git'), { recursive: true });
    writeFileSync(join(repository.folder, '.git'), `gitdir: ${'/x'.repeat(1_000_000)}\n`);
  },
  'names of refs that are damaged': () => appendFileSync(join(repository.folder, '.git/packed-refs'), 'x\0y\n'.repeat(1000)),
  'a history without an end': () => writeFileSync(join(repository.folder, '.git/shallow'), 'x\n'),
};

/** What some of them are told, beside that they are. */
const said: Readonly<Record<string, RegExp>> = {
  'a folder of stacks that is a link out': /has no folder stacks/,
  'a folder of stacks that is a submodule': /has no folder stacks/,
  'more folders than are looked through': /at most 10000/,
  'a tree of a hundred thousand files': /larger than 2097152 bytes/,
};

function mktree(lines: string): string {
  return execFileSync('git', ['-C', repository.folder, 'mktree', '-z', '--missing'], { input: lines, encoding: 'utf8' }).trim();
}

test('repositories that are wrong as a whole cost themselves only', { timeout: 180_000 }, async () => {
  const beside = new GitRepository();
  try {
    beside.commit({ 'stacks/beside/compose.yml': stackFile() });
    expect(await following.add(beside.folder, { Name: 'beside' })).toMatchObject({ State: 'synced' });
    for (const [number, [what, make]] of Object.entries(repositories).entries()) {
      repository.remove();
      repository = new GitRepository();
      writeFileSync(join(dirname(repository.folder), 'outside.txt'), `[user]\n\tname = ${canary}\n`);
      repository.commit({ 'README.md': what });
      make();
      const start = performance.now();
      const status = await following.add(repository.folder, { Name: `bad${number}` });
      console.log(`${what}: ${Math.round(performance.now() - start)} ms: ${status.State} ${status.Message.slice(0, 150)}`);
      expect.soft(status.State, what).toMatch(/^(unavailable|degraded|synced)$/);
      if (said[what]) expect.soft(status.Message, what).toMatch(said[what]);
      if (status.State !== 'synced') expect.soft(status.Message.length, what).toBeGreaterThan(10);
    }
    beside.commit({ 'stacks/beside/compose.yml': stackFile('app:2') });
    expect(await following.sync('beside')).toMatchObject({ State: 'synced' });
    expect(following.image('beside_web')).toBe('app:2');
  } finally {
    beside.remove();
  }
});

/** Signatures that are none: lines of a commit's head. */
const signatures: Readonly<Record<string, string>> = {
  none: '',
  empty: 'gpgsig \n',
  words: 'gpgsig yes, it is me\n',
  'a block without an end': 'gpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lH\n',
  'an empty block of ssh': 'gpgsig -----BEGIN SSH SIGNATURE-----\n -----END SSH SIGNATURE-----\n',
  'a block of ssh that is nonsense': `gpgsig -----BEGIN SSH SIGNATURE-----\n ${'U1NIU0lHAAAAAQAAADMAAAAL'.repeat(20)}\n -----END SSH SIGNATURE-----\n`,
  'a block of OpenPGP that is nonsense': `gpgsig -----BEGIN PGP SIGNATURE-----\n \n ${'iHUEABYIAB0WIQ'.repeat(20)}\n =AAAA\n -----END PGP SIGNATURE-----\n`,
  'a certificate': 'gpgsig -----BEGIN SIGNED MESSAGE-----\n MIIB\n -----END SIGNED MESSAGE-----\n',
  'a large one': `gpgsig -----BEGIN SSH SIGNATURE-----\n${` ${'A'.repeat(70)}\n`.repeat(5000)} -----END SSH SIGNATURE-----\n`,
  'two of them': 'gpgsig -----BEGIN SSH SIGNATURE-----\n -----END SSH SIGNATURE-----\ngpgsig -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----\n',
  'one that speaks for gpg': 'gpgsig -----BEGIN SSH SIGNATURE-----\n [GNUPG:] GOODSIG 0 me\n [GNUPG:] VALIDSIG 0\n -----END SSH SIGNATURE-----\n',
  'one for another hash': 'gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n -----END SSH SIGNATURE-----\n',
};

test('where commits have to be signed, nothing that only looks like a signature lets one through', { timeout: 120_000 }, async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile() });
  const tree = repository.git('rev-parse', 'HEAD^{tree}');
  const Signers = 'me@localhost ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcTtTJkJ0dYyQm5Z0Xo9G0mJ8mYq7n9kqHn2z1yJ5fA\n';
  for (const [number, [what, lines]] of Object.entries(signatures).entries()) {
    const text = `tree ${tree}\nauthor t <t@localhost> 1700000000 +0000\ncommitter t <t@localhost> 1700000000 +0000\n${lines}\nmade\n`;
    const commit = execFileSync('git', ['-C', repository.folder, 'hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], {
      input: text,
      encoding: 'utf8',
    }).trim();
    writeFileSync(join(repository.folder, '.git/refs/heads/main'), `${commit}\n`);
    const status = await following.add(repository.folder, { Name: `signed${number}`, Signers });
    expect.soft(status.State, what).toBe('unavailable');
    expect.soft(status.Message, what).toMatch(/is not rendered|cannot be read/);
    expect.soft(status.Message.length, what).toBeLessThan(1000);
  }
  expect([...following.cluster.store.list('service')]).toEqual([]);
});

/** Which commit of a repository is followed, and which is believed: signatures by real gpg and ssh-keygen, histories, tags and ranges. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { confirmRepository, updateRepository } from '#control/repository/repositories';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';

let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following().start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

const stacks = (image: string): Record<string, string> => ({ 'stacks/a/compose.yml': stackFile(image) });
const head = (): string => repository.git('rev-parse', 'HEAD');

/** A key of ssh's; its line for the list. */
function sshKey(name: string): { file: string; signer: string } {
  const file = join(dirname(repository.folder), name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  const [type, key] = readFileSync(`${file}.pub`, 'utf8').split(' ');
  return { file, signer: `t@localhost ${type} ${key}\n` };
}

function signed(file: string, image: string): string {
  repository.commit(stacks(image));
  repository.git('-c', 'gpg.format=ssh', '-c', `user.signingkey=${file}`, 'commit', '--quiet', '--amend', '-S', '--no-edit');
  return head();
}

test('with a list of signers, what nobody of it signed is not rendered, and what was followed last stays', async () => {
  const [friend, stranger] = [sshKey('friend'), sshKey('stranger')];
  const first = signed(friend.file, 'app:1');
  const Signers = `# who may\n${friend.signer}`;
  expect(await following.add(repository.folder, { Signers })).toMatchObject({ State: 'synced', Commit: first });
  const plain = repository.commit(stacks('app:plain'));
  expect(await following.sync()).toMatchObject({
    State: 'unavailable',
    Commit: first,
    Message: `commit ${plain.slice(0, 12)} is not rendered: it is not signed`,
  });
  const foreign = signed(stranger.file, 'app:foreign');
  const status = await following.sync();
  expect(status.Message).toMatch(
    new RegExp(`^commit ${foreign.slice(0, 12)} is not rendered: it is signed with a key that is not among the signers \\(SHA256:`),
  );
  expect(following.image('a_web')).toBe('app:1');
  // A restart does not believe what lies in the mirror either, and a changed list counts at once.
  await following.restart();
  expect(await following.sync()).toMatchObject({ State: 'unavailable' });
  expect(following.image('a_web')).toBe('app:1');
  // With the list of the other one its commit is believed, and the one between is not: it waits for a word that names it.
  following.cluster.run(updateRepository('infra', { Signers: stranger.signer }));
  expect(await following.sync()).toMatchObject({
    State: 'held',
    Commit: first,
    Rewritten: foreign,
    Message: `commit ${foreign.slice(0, 12)} is not rendered: commit ${plain.slice(0, 12)}, which came with it, is not believed: it is not signed; nothing was changed. If that is meant: \`shoal repo confirm infra --commit ${foreign.slice(0, 12)}\``,
  });
  expect(following.image('a_web')).toBe('app:1');
  following.cluster.run(confirmRepository('infra', foreign));
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: foreign });
  // Also on a side that is merged, and wherever whatever comes is followed.
  repository.git('checkout', '--quiet', '-b', 'side', first);
  const aside = repository.commit({ 'stacks/b/compose.yml': stackFile('b:1') });
  repository.git('checkout', '--quiet', 'main');
  repository.git('-c', 'gpg.format=ssh', '-c', `user.signingkey=${stranger.file}`, 'merge', '--quiet', '-S', '--no-ff', '-m', 'merged', 'side');
  expect((await following.sync()).Message).toContain(`commit ${aside.slice(0, 12)}, which came with it, is not believed`);
  repository.git('reset', '--quiet', '--hard', foreign);
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: foreign });
  // Who says that another history is followed has read of all that nobody signed in it; said once more, it is no other look.
  following.cluster.run(updateRepository('infra', { Rewrites: 'hold' }));
  repository.git('reset', '--quiet', '--hard', first);
  const hidden = repository.commit({ 'stacks/b/compose.yml': stackFile('b:2') });
  const forced = signed(stranger.file, 'app:forced');
  const both = (await following.sync()).Message;
  expect(both).toContain(`commit ${forced.slice(0, 12)} does not come after ${foreign.slice(0, 12)}, which was followed last: its history was rewritten; `);
  expect(both).toContain(`commit ${hidden.slice(0, 12)}, which came with it, is not believed: it is not signed; nothing was changed.`);
  expect((await following.sync()).Message).toBe(both);
  // Where whatever comes is followed, its newest commit vouches for it.
  following.cluster.run(updateRepository('infra', { Rewrites: 'follow' }));
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: forced });
  following.cluster.run(updateRepository('infra', { Signers: friend.signer }));
  repository.commit({ 'README.md': 'x' });
  expect((await following.sync()).State).toBe('unavailable');
  following.cluster.run(updateRepository('infra', { Signers: '' }));
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: head() });
});

const hasGpg = spawnSync('gpg', ['--version']).status === 0;

test.skipIf(!hasGpg)('OpenPGP keys are signers, a changed commit is not theirs, and a signed tag vouches for its commit', { timeout: 60_000 }, async () => {
  const home = join(dirname(repository.folder), 'gnupg');
  mkdirSync(home);
  chmodSync(home, 0o700);
  const gpg = (...args: string[]): string =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  gpg('--passphrase', '', '--quick-gen-key', 'T <t@localhost>', 'ed25519', 'sign', 'never');
  const sign = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-C', repository.folder, ...args], {
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GNUPGHOME: home },
    });
  try {
    repository.commit(stacks('app:1'));
    sign('commit', '--quiet', '--amend', '-S', '--no-edit');
    const Signers = gpg('--armor', '--export', 't@localhost');
    expect(await following.add(repository.folder, { Signers })).toMatchObject({ State: 'synced', Commit: head() });
    const text = repository.git('cat-file', 'commit', 'HEAD').replace('change', 'changed');
    const forged = execFileSync('git', ['-C', repository.folder, 'hash-object', '-t', 'commit', '-w', '--stdin'], {
      input: `${text}\n`,
      encoding: 'utf8',
    }).trim();
    repository.git('update-ref', 'refs/heads/main', forged);
    expect((await following.sync()).Message).toContain('its signature is not that of its content');
    repository.commit(stacks('app:tagged'));
    sign('tag', '-s', 'v1', '-m', 'v1');
    following.cluster.run(updateRepository('infra', { Ref: 'refs/tags/v1' }));
    expect(await following.sync()).toMatchObject({ State: 'synced', Commit: head() });
    expect(following.image('a_web')).toBe('app:tagged');
  } finally {
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  }
});

test('a rewritten history is held until it is confirmed, on a mirror made anew as well', async () => {
  const first = repository.commit(stacks('app:1'));
  await following.add(repository.folder, { Rewrites: 'hold' });
  repository.commit(stacks('app:2'));
  const second = head();
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: second });
  repository.git('reset', '--quiet', '--hard', first);
  const held = await following.sync();
  expect(held).toMatchObject({ State: 'held', Commit: second, Rewritten: first });
  expect(held.Message).toContain(`does not come after ${second.slice(0, 12)}`);
  expect(held.Message).toContain(`shoal repo confirm infra --commit ${first.slice(0, 12)}`);
  await following.restart();
  expect(await following.sync()).toMatchObject({ State: 'held', Rewritten: first });
  expect(following.image('a_web')).toBe('app:2');
  expect(() => following.cluster.run(confirmRepository('infra', second.slice(0, 12)))).toThrow(`held at commit ${first}`);
  following.cluster.run(confirmRepository('infra', first.slice(0, 12)));
  const after = await following.sync();
  expect(after).toMatchObject({ State: 'synced', Commit: first });
  expect(after.Rewritten).toBeUndefined();
  expect(following.image('a_web')).toBe('app:1');
  // The word was for that one commit.
  repository.git('checkout', '--quiet', '--orphan', 'other');
  repository.commit(stacks('app:3'));
  repository.git('branch', '-M', 'main');
  expect(await following.sync()).toMatchObject({ State: 'held', Commit: first });
  // One that comes after the old one again needs no word.
  repository.git('reset', '--quiet', '--hard', second);
  repository.commit(stacks('app:4'));
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: head() });
  expect(following.image('a_web')).toBe('app:4');
  // Whoever says to look elsewhere means it.
  repository.git('checkout', '--quiet', '-b', 'side', first);
  repository.commit(stacks('app:side'));
  following.cluster.run(updateRepository('infra', { Branch: 'side' }));
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: head() });
});

test('a tag, a commit, and the newest version of a range are followed', async () => {
  const first = repository.commit(stacks('app:1.0'));
  repository.git('tag', 'v1.0.0');
  repository.commit(stacks('app:1.2'));
  repository.git('tag', '-a', 'v1.2.0', '-m', 'annotated');
  repository.commit(stacks('app:2.0'));
  repository.git('tag', 'v2.0.0');
  repository.git('tag', 'no-version');
  repository.git('tag', 'v1.3.0-rc.1');
  const range = { Rewrites: 'hold', SemVer: '>=1.0 <2' } as const;
  expect(await following.add(repository.folder, range)).toMatchObject({ State: 'synced', Commit: repository.git('rev-parse', 'v1.2.0^{commit}') });
  expect(following.image('a_web')).toBe('app:1.2');
  repository.git('checkout', '--quiet', '-b', 'fix', first);
  repository.commit(stacks('app:1.10'));
  repository.git('tag', '1.10.0');
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:1.10');
  const follow = async (change: { Ref?: string; SemVer?: string; Branch?: string }): Promise<string | undefined> => {
    following.cluster.run(updateRepository('infra', change));
    const { State, Message } = await following.sync();
    return State === 'synced' ? following.image('a_web') : Message;
  };
  expect(await follow({ Ref: 'v1.0.0' })).toBe('app:1.0');
  expect(await follow({ Ref: 'v1.2.0' })).toBe('app:1.2');
  expect(await follow({ Ref: first })).toBe('app:1.0');
  expect(await follow({ Ref: 'nowhere' })).toContain('has no branch or tag nowhere');
  expect(await follow({ SemVer: '^3' })).toContain('has no tag within ^3');
  expect(await follow({ Branch: 'main' })).toBe('app:2.0');
  for (const Ref of ['--upload-pack=x', 'a b', 'x..y', '-x'])
    expect(() => following.cluster.run(updateRepository('infra', { Ref }))).toThrow('no name of a branch');
  expect(() => following.cluster.run(updateRepository('infra', { SemVer: '$(x)' }))).toThrow('no range');
  expect(() => following.cluster.run(updateRepository('infra', { Signers: 'nobody' }))).toThrow('is no signer');
});

test('a repository that moved is followed at its new place, and what does not come after the old one is held', async () => {
  const [moved, other] = [join(dirname(repository.folder), 'moved'), new GitRepository()];
  try {
    repository.commit(stacks('app:1'));
    expect(await following.add(repository.folder, { Rewrites: 'hold' })).toMatchObject({ State: 'synced' });
    const service = following.cluster.store.byName('service', 'a_web');
    execFileSync('git', ['clone', '--quiet', repository.folder, moved]);
    following.cluster.run(updateRepository('infra', { URL: moved }));
    expect(await following.sync()).toMatchObject({ State: 'synced', Commit: head() });
    expect(following.cluster.store.byName('service', 'a_web')).toEqual(service);
    const git = (...args: string[]) => execFileSync('git', ['-C', moved, '-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args]);
    writeFileSync(join(moved, 'stacks/a/compose.yml'), stackFile('app:2'));
    git('commit', '--quiet', '-am', 'there');
    expect(await following.sync()).toMatchObject({ State: 'synced' });
    expect(following.image('a_web')).toBe('app:2');
    other.commit(stacks('app:3'));
    following.cluster.run(updateRepository('infra', { URL: other.folder }));
    expect(await following.sync()).toMatchObject({ State: 'held', Message: expect.stringContaining('its history was rewritten') });
    expect(following.image('a_web')).toBe('app:2');
  } finally {
    other.remove();
  }
});

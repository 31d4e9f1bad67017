/** What is said of repositories is bounded before any pattern looks at it: whoever may write to one may declare others. */
import { expect, test } from 'vitest';
import { createRepository, storedSpec, updateRepository } from '#control/repository/repositories';
import { withoutLogin } from '#control/repository/repository-place';
import { checkSigners, pgpKeys, sshSigners } from '#control/repository/checks/signers';
import type { RepositorySpec } from '#model/object/repository';
import { initialisedCluster } from '#test/support/memory-cluster';

const spec: RepositorySpec = { Name: 'team', URL: 'https://example.org/a.git', Branch: 'main', Path: '', Interval: 60_000_000_000 };
const long = 'a'.repeat(65_536);

test.each<[string, Partial<RepositorySpec>, string]>([
  ['a name', { Name: long }, 'its name is longer than 255 characters: "aaaa'],
  ['a place', { URL: long }, 'the URL is longer than 2048 characters'],
  ['a branch', { Branch: long }, 'the name of a branch or a tag is longer than 255 characters'],
  ['a tag', { Ref: long }, 'the name of a branch or a tag is longer than 255 characters'],
  ['a range', { SemVer: long }, 'the name of a branch or a tag is longer than 255 characters'],
  ['a path', { Path: long }, 'the path is longer than 1024 characters'],
  ['an environment', { Environment: long }, 'the name of an environment is longer than 255 characters'],
  ['a word', { Allow: [long] }, 'an allowance is longer than 1024 characters'],
  ['many words', { Allow: Array.from({ length: 501 }, (_, at) => `notify=h${at}`) }, '501 allowances are more than the 500'],
  ['a window', { Freeze: [long] }, 'a window is longer than 255 characters'],
  ['many windows', { Freeze: Array.from({ length: 101 }, () => '01:00-02:00') }, '101 windows are more than the 100'],
])('%s that is too long is refused, and not repeated whole', (_what, more, words) => {
  expect(() => storedSpec({ ...spec, ...more })).toThrow(words);
  try {
    storedSpec({ ...spec, ...more });
  } catch (error) {
    expect((error as Error).message.length).toBeLessThan(200);
  }
});

test('a change of a repository is bounded as well', () => {
  const cluster = initialisedCluster();
  cluster.run(createRepository(spec));
  expect(() => cluster.run(updateRepository('team', { Branch: long }))).toThrow('is longer than 255 characters');
});

test('lists and texts that a pattern would try over and over are read in one walk', () => {
  const blanks = `a${' '.repeat(250_000)}b`;
  expect(() => checkSigners(blanks)).toThrow('is no signer');
  const begun = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n'.repeat(6900);
  expect([pgpKeys(begun), sshSigners(begun).length > 0]).toEqual(['', true]);
  expect(withoutLogin('a'.repeat(1_000_000))).toHaveLength(1_000_000);
  expect(withoutLogin('fatal: https://x:y@host/a and svn+ssh://z@host')).toBe('fatal: https://host/a and svn+ssh://host');
});

test('a signer may have options with blanks, and keys in letters stand between lines', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIGJ1aWxkZXI';
  const block = '-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----';
  const list = `# who\na@example.org namespaces="git, file" ssh-ed25519 ${key} a comment\n${block}\nb@example.org ssh-ed25519 ${key}\n`;
  checkSigners(list);
  expect(pgpKeys(list)).toBe(block);
  expect(sshSigners(list).split('\n')).toHaveLength(2);
  for (const wrong of [`ssh-ed25519 ${key}`, `a ssh-ed25519 short`, `a rsa ${key}`]) expect(() => checkSigners(wrong)).toThrow('is no signer');
});

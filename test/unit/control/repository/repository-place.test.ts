import { expect, test } from 'vitest';
import { checkPlace, checkTracked, withoutLogin } from '#control/repository/repository-place';

test.each(['/srv/stacks.git', 'file:///srv/stacks', 'https://example.org/a.git', 'ssh://git@example.org/a.git', 'git@example.org:team/a.git'])(
  '%s is a repository',
  (url) => {
    expect(() => checkPlace(url, 'main')).not.toThrow();
  },
);

test.each([
  '',
  'relative/path',
  '--upload-pack=touch /tmp/x',
  'ext::sh -c id',
  'https::x',
  'http://example.org/a',
  'ftp://example.org/a',
  'git://example.org/a',
  '/a\nb',
  'C:/x',
  'ssh://-oProxyCommand=id/x',
  'ssh://git@-oProxyCommand=id/x',
  '-oProxyCommand=id@x:y',
])('%j is refused', (url) => {
  expect(() => checkPlace(url, 'main')).toThrow('is no repository');
});

test.each(['main', 'release/1.2', 'feature-x', 'ünïcode'])('%s is a branch', (branch) => {
  expect(() => checkPlace('/a', branch)).not.toThrow();
});

test.each([
  '-x',
  '--upload-pack=id',
  'refs/../x',
  'a..b',
  'a b',
  'a:b',
  '*',
  'a~1',
  'a^',
  'a//b',
  '/a',
  'a/',
  '.a',
  'a.lock',
  'a@{1}',
  '@',
  'a\nb',
  'a\\b',
  '',
])('%j is no branch', (branch) => expect(() => checkPlace('/a', branch)).toThrow('is no name of a branch'));

test('logins go out of texts', () => {
  expect(withoutLogin('fatal: https://me:token@host/x and ssh://git@host/y: no')).toBe('fatal: https://host/x and ssh://host/y: no');
  expect(() => checkPlace('http://me:token@host/x', 'main')).toThrow('"http://host/x" is no repository');
});

test.each([
  ['1.x || banana', false],
  ['1.x ||', false],
  ['banana', false],
  ['>=1.2 <2', true],
  ['^1 || ~3.1', true],
  ['1.2 - 2.x', true],
  ['>= v1.2.3-rc.1+b ~>2 *', true],
  ['1.2-rc', false],
  ['01.2.3', false],
  ['1.2.3.4', false],
  ['>', false],
])('a range is one in each of its alternatives: %s', (range, right) => {
  const check = () => checkTracked(undefined, range);
  if (right) expect(check).not.toThrow();
  else expect(check).toThrow(`"${range}" is no range of versions`);
});

test('a range that is longer than any is none, and its beginning is shown', () => {
  expect(() => checkTracked(undefined, '1 '.repeat(60))).toThrow(`"${'1 '.repeat(50)}" is no range of versions`);
});

import { expect, test } from 'vitest';
import { checkUrl } from '../../../src/gitops/git.ts';

test.each(['/srv/stacks.git', 'file:///srv/stacks', 'https://example.org/a.git', 'ssh://git@example.org/a.git', 'git@example.org:team/a.git'])(
  '%s is a repository',
  (url) => {
    expect(() => checkUrl(url)).not.toThrow();
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
])('%j is refused', (url) => {
  expect(() => checkUrl(url)).toThrow('is no repository');
});

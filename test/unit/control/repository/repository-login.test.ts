import { expect, test } from 'vitest';
import { checkedCredentials, relocated, withLoginApart } from '#control/repository/repository-login';
import type { RepositoryCredentials, RepositorySpec } from '#model/object/repository';

const spec = (URL: string, Credentials?: RepositoryCredentials): RepositorySpec => ({
  Name: 'r',
  URL,
  Branch: 'main',
  Path: '',
  Interval: 1,
  ...(Credentials && { Credentials }),
});

test.each<[string, string, RepositoryCredentials | undefined]>([
  ['https://h/x.git', 'https://h/x.git', undefined],
  ['https://me:p%40ss@h:8443/x.git', 'https://h:8443/x.git', { Username: 'me', Password: 'p@ss' }],
  ['https://me:a:b@h/x.git', 'https://h/x.git', { Username: 'me', Password: 'a:b' }],
  ['https://T0K@h/x.git', 'https://h/x.git', { Username: 'T0K' }],
  ['https://:T0K@h/x.git', 'https://h/x.git', { Username: 'oauth2', Password: 'T0K' }],
  ['https://h/x.git?access_token=T0K', 'https://h/x.git', { Username: 'oauth2', Password: 'T0K' }],
  ['https://h/x.git?a=1&private_token=T0K&b=2', 'https://h/x.git?a=1&b=2', { Username: 'oauth2', Password: 'T0K' }],
  ['https://h/x.git#part', 'https://h/x.git#part', undefined],
  ['ssh://me:T0K@h/x.git', 'ssh://me@h/x.git', undefined],
  ['me@h:x.git', 'me@h:x.git', undefined],
])('%s is taken apart into %s and %j', (given, URL, credentials) => {
  expect(withLoginApart(spec(given))).toEqual(spec(URL, credentials));
  expect(withLoginApart(withLoginApart(spec(given)))).toEqual(spec(URL, credentials));
});

test('what is given beside the URL wins over what is in it', () => {
  expect(withLoginApart(spec('https://a:b@h/x', { Password: 'c' })).Credentials).toEqual({ Username: 'a', Password: 'c' });
});

const plainKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from('openssh-key-v1\0\0\0\0\u0004none\0\0\0\u0004none').toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
const lockedKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from('openssh-key-v1\0\0\0\0\naes256-ctr').toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;

test.each<[string, RepositoryCredentials, RepositoryCredentials | undefined]>([
  ['https://h/x', {}, undefined],
  ['https://h/x', { Password: 't' }, { Username: 'oauth2', Password: 't' }],
  ['https://h/x', { Username: 'u', Password: 't' }, { Username: 'u', Password: 't' }],
  ['git@h:x', { SSHKey: plainKey, KnownHosts: 'h ssh-ed25519 AAAA\n' }, { SSHKey: plainKey, KnownHosts: 'h ssh-ed25519 AAAA\n' }],
])('%s takes %j', (url, given, expected) => expect(checkedCredentials(spec(url, given))).toEqual(expected));

test.each<[string, RepositoryCredentials, string]>([
  ['/srv/x', { Password: 't' }, 'https:// repositories only'],
  ['ssh://h/x', { Username: 'u' }, 'https:// repositories only'],
  ['https://h/x', { SSHKey: plainKey }, 'ssh repositories only'],
  ['https://h/x', { Password: 'a\nb' }, 'one line of text'],
  ['ssh://h/x', { SSHKey: 'nothing' }, 'no private key'],
  ['ssh://h/x', { SSHKey: lockedKey }, 'has a passphrase'],
  ['ssh://h/x', { KnownHosts: '# none\n' }, 'name no key'],
  ['https://h/x', { CA: 'x' }, 'no certificate'],
  ['https://h/x', { Password: 'x'.repeat(70_000) }, 'longer than'],
])('%s refuses %j', (url, given, message) => expect(() => checkedCredentials(spec(url, given))).toThrow(message));

test('a login goes with its place, and may be given anew', () => {
  const before = spec('https://old/x.git', { Username: 'me', Password: 'p' });
  expect(relocated(before, {})).toEqual(before);
  expect(relocated(before, { URL: 'https://new/x.git' })).toEqual(spec('https://new/x.git'));
  expect(relocated(before, { URL: 'https://old/x.git' })).toEqual(before);
  expect(relocated(before, { Credentials: { Password: 't' } })).toEqual(spec('https://old/x.git', { Username: 'oauth2', Password: 't' }));
  expect(relocated(before, { URL: 'https://you:q@new/x.git' })).toEqual(spec('https://new/x.git', { Username: 'you', Password: 'q' }));
  expect(relocated(before, { URL: 'git@new:x.git', Credentials: { SSHKey: plainKey } })).toEqual(spec('git@new:x.git', { SSHKey: plainKey }));
  expect(() => relocated(before, { URL: 'git@new:x.git', Credentials: { Password: 't' } })).toThrow('https:// repositories only');
  expect(() => relocated({ ...before, Hosted: true }, { URL: 'https://new/x.git' })).toThrow('it is the cluster that holds it');
});

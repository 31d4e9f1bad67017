/** Where a vault may be, with what it is asked, and that what proves who we are stays with its address. */
import { expect, test } from 'vitest';
import { changedVault, checkVault } from '#control/repository/vault-place';
import { readVaultReference, vaultReferenceOf, vaultSecret } from '#model/options/vault';

const token = { Address: 'https://vault:8200', Token: 't' };
const role = { Address: 'https://vault:8200', RoleID: 'r', SecretID: 's' };

test.each([token, role, { ...role, Namespace: 'a/b' }, { ...token, Address: 'http://127.0.0.1:8200' }, { ...token, Address: 'https://host/below' }])(
  'a vault may be %j',
  (place) => expect(() => checkVault(place)).not.toThrow(),
);

test.each([
  [{ ...token, Address: 'http://vault:8200' }, 'https://'],
  [{ ...token, Address: 'http://127.0.0.1.example.org:8200' }, 'https://'],
  [{ ...token, Address: 'https://me:x@vault' }, 'https://'],
  [{ ...token, Address: 'https://vault/?a=b' }, 'https://'],
  [{ ...token, Address: '' }, 'one line'],
  [{ ...token, Token: 'a\nb' }, 'one line'],
  [{ ...token, Namespace: 'a b' }, 'one line'],
  [{ ...token, RoleID: 'r' }, 'not with both'],
  [{ Address: 'https://vault', RoleID: 'r' }, 'say one of the two'],
  [{ Address: 'https://vault' }, 'say one of the two'],
  [{ ...token, CA: 'x' }, 'PEM'],
])('%j is refused: %s', (place, reason) => expect(() => checkVault(place)).toThrow(reason));

test('another address takes nothing along; a token takes the place of a role, and a role that of a token', () => {
  expect(changedVault(token, { Address: 'https://other' })).toEqual({ Address: 'https://other' });
  expect(changedVault({ ...token, CA: 'c' }, { Token: 'u' })).toEqual({ ...token, CA: 'c', Token: 'u' });
  expect(changedVault(token, { RoleID: 'r', SecretID: 's' })).toEqual(role);
  expect(changedVault(role, { Token: 't' })).toEqual(token);
  expect(changedVault(role, { SecretID: 'new' })).toEqual({ ...role, SecretID: 'new' });
  expect(changedVault(token, { Address: '' })).toBeUndefined();
  expect(() => changedVault(undefined, { Token: 't' })).toThrow('say its address');
});

test('a reference names a path, a key and a version that can be, and makes a name that tells nothing of the value', () => {
  expect(readVaultReference('vault:kv/a/b?version=3#key')).toMatchObject({ path: 'kv/a/b', key: 'key', version: 3 });
  for (const text of [
    'vault:kv#k',
    'vault:/kv/a#k',
    'vault:kv/a',
    'vault:kv/../a#k',
    'vault:kv/a?version=0#k',
    'vault:kv//a#k',
    `vault:kv/${'a'.repeat(600)}#k`,
    'kv/a#k',
  ])
    expect(readVaultReference(text)).toBeUndefined();
  const reference = { text: 'vault:kv/app/db#password', path: 'kv/app/db', key: 'password' };
  const secret = vaultSecret('web', reference);
  expect(secret.Name).toMatch(/^web_vault\.db\.password\.[0-9a-f]{8}$/);
  expect(vaultReferenceOf(secret)).toEqual(reference);
  expect(vaultReferenceOf({ Name: 'x', Driver: { Name: 'other' } })).toBeUndefined();
});

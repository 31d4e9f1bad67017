import { expect, test } from 'vitest';
import { encryptedAs, encryptedText } from '../../../../../src/gitops/worker/sealed/encrypted.ts';

const value = 'ENC[AES256_GCM,data:Tr7o=,iv:1aS=,tag:3Dx==,type:str]';

test.each<[string, string, string | undefined]>([
  ['age, binary', 'age-encryption.org/v1\n-> X25519 abc\n\u0000\u0001', 'age'],
  ['age, in armour', '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n', 'age'],
  ['age, in armour below blank lines', '\n \r\n-----BEGIN AGE ENCRYPTED FILE-----\n', 'age'],
  ['SOPS, YAML', `db:\n    password: ${value}\nsops:\n    mac: ${value}\n`, 'SOPS'],
  ['SOPS, JSON', `{"password": "${value}", "sops": {"mac": "${value}"}}`, 'SOPS'],
  ['SOPS, env', `PASSWORD=${value}\nsops_mac=${value}\n`, 'SOPS'],
  ['SOPS, ini', `[db]\npassword = ${value}\n\n[sops]\nmac = ${value}\n`, 'SOPS'],
  ['SOPS, binary', `{"data": "${value}","sops":{"mac":"${value}"}}`, 'SOPS'],
  ['SOPS with only its checksum', `plain: text\nsops:\n    mac: ${value}\n`, 'SOPS'],
  ['git-crypt', '\u0000GITCRYPT\u0000abc', 'git-crypt'],
  ['Ansible Vault', '$ANSIBLE_VAULT;1.1;AES256\n6136\n', 'Ansible'],
  ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n', 'LFS'],
  ['plain text', 'password: hunter2\n', undefined],
  ['a text that speaks of SOPS', 'sops:\n  note: values look like ENC[...]\n', undefined],
  ['a text that speaks of age', 'see age-encryption.org/v1\n', undefined],
  ['nothing', '', undefined],
  ['bytes', '\u0000\u00ff\u00fe', undefined],
])('%s', (_what, text, expected) => {
  const said = encryptedAs(Buffer.from(text, 'latin1'));
  if (expected === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(expected);
});

test('each text says what is to be done, and nothing of what it is not', () => {
  const text = (content: string): string => encryptedText('stacks/a/key', encryptedAs(Buffer.from(content, 'latin1')) ?? '');
  expect(text('version https://git-lfs.github.com/spec/v1\n')).toBe(
    'stacks/a/key is a pointer of Git LFS, whose files are not fetched, so it is not deployed: put the file itself into the repository',
  );
  expect(text('$ANSIBLE_VAULT;1.1;AES256\n')).toBe(
    'stacks/a/key is encrypted with Ansible Vault, which is not decrypted here, so it is not deployed: use age, SOPS or an external secret instead',
  );
});

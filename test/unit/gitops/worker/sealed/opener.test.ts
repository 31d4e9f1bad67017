/** Files that age and SOPS encrypted for the cluster are opened, and nothing else is. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { newOpener } from '../../../../../src/gitops/worker/sealed/opener.ts';
import { sealingFor } from '#control/repository/repository-sealing';
import { ageFile, madeByAge, sopsBinary, sopsEnv, sopsTree, testIdentity, testRecipient } from '#test/support/sealed-files';

const stranger = 'age15kc2t93hl06056jsq0zcdnx0q4nkw43zgfc4a27f2j73c87e9saqsldh99';
const opener = newOpener(testIdentity);

async function open(path: string, content: string | Uint8Array): Promise<string> {
  const result = await opener.open(path, typeof content === 'string' ? Buffer.from(content) : content);
  return 'error' in result ? `error: ${result.error}` : Buffer.from(result.bytes).toString();
}

test('what age wrote is read, in letters and in bytes', async () => {
  expect(await open('key', madeByAge.armored)).toBe('made by age\n');
  expect(await open('key', madeByAge.binary)).toBe('made by age\n');
  const bytes = Buffer.from([0, 255, 1, 254, 10]);
  const result = await opener.open('key', Buffer.from(await ageFile(bytes)));
  expect('bytes' in result && Buffer.from(result.bytes).equals(bytes)).toBe(true);
});

const plain = {
  b: 'text',
  a: { list: ['one', 'two: 2', ''], n: 7, f: 0.25, yes: true, no: false, none: null },
  shown_unencrypted: 'clear',
  count_unencrypted: 1e21,
};

test.each(['x.yaml', 'x.json'])('a tree that SOPS encrypted is whole again: %s', async (name) => {
  expect(parse(await open(name, await sopsTree(plain)))).toEqual(plain);
  expect(parse(await open(name, await sopsTree({ ...plain, small_unencrypted: 1.5e-9 }, { encryptedOnly: true })))).toEqual({
    ...plain,
    small_unencrypted: 1.5e-9,
  });
  expect(parse(await open(name, await sopsTree({ secret: 'x', small_unencrypted: 0.5 })))).toEqual({ secret: 'x', small_unencrypted: 0.5 });
});

test('environment and binary files are as they were, byte by byte', async () => {
  const lines = [
    ['A', 'one two'],
    ['B', '"quoted" # and more'],
    ['EMPTY', ''],
    ['LONG', 'line1\nline2'],
    ['C_unencrypted', 'clear=yes'],
  ] as const;
  const text = 'A=one two\nB="quoted" # and more\nEMPTY=\nLONG=line1\\nline2\nC_unencrypted=clear=yes\n';
  expect(await open('.env', await sopsEnv(lines))).toBe(text);
  expect(await open('prod.env', await sopsEnv(lines, { encryptedOnly: true }))).toBe(text);
  const bytes = Buffer.from([0, 255, 1, 254, 10, 13]);
  const result = await opener.open('server.key', Buffer.from(await sopsBinary(bytes)));
  expect('bytes' in result && Buffer.from(result.bytes).equals(bytes)).toBe(true);
});

const changes: readonly (readonly [string, string, (text: string) => string, RegExp])[] = [
  ['a value in clear is changed', 'x.json', (text) => text.replace('"clear"', '"other"'), /checksum is not that/],
  ['a value is added', 'x.json', (text) => text.replace('{', '{"more": "x",'), /checksum is not that/],
  ['a value is removed', 'x.json', (text) => text.replace(/"shown_unencrypted": "clear",/, ''), /checksum is not that/],
  ['a value in place of an encrypted one', 'x.json', (text) => text.replace(/"b": "[^"]*"/, '"b": "mine"'), /checksum is not that/],
  ['an encrypted value is moved', 'x.json', (text) => text.replace(/"b": "([^"]*)"/, '"c": "$1"'), /the value of c was changed, or moved/],
  ['a bit of a value', 'x.json', (text) => text.replace(/data:(.)/, (_, first: string) => `data:${first === 'A' ? 'B' : 'A'}`), /was changed, or moved/],
  ['the time', 'x.json', (text) => text.replace('03:04:05', '03:04:06'), /its checksum was changed/],
  ['no checksum', 'x.json', (text) => text.replace(/"mac": "[^"]*",/, ''), /lacks what SOPS writes/],
  ['only encrypted ones are said to count', 'x.json', (text) => text.replace('"version"', '"mac_only_encrypted": true, "version"'), /checksum is not that/],
  ['another reader', 'x.json', (text) => text.replaceAll(testRecipient, stranger), /not encrypted for this cluster: add age1/],
  ['several groups', 'x.json', (text) => text.replace('"version"', '"shamir_threshold": 2, "version"'), /several groups/],
  ['a value that is no value', 'x.json', (text) => text.replace(/iv:[^,]*/, 'iv:AAAA'), /no value that SOPS writes/],
  ['a type that is none', 'x.json', (text) => text.replace('type:str]', 'type:eval]'), /of type eval, which is not known/],
  ['YAML with an alias', 'x.yaml', (text) => text.replace('{', '{"x": &x 1, "y": *x,'), /alias/],
  ['YAML of two documents', 'x.yaml', (text) => `${text}\n---\nb: 1\n`, /one YAML document/],
  ['YAML that is none', 'x.yaml', (text) => text.slice(0, -3), /no YAML/],
  ['YAML that is long', 'x.yaml', (text) => `${text}${' '.repeat(300_000)}`, /larger than 262144/],
  ['JSON that nests', 'x.json', (text) => text.replace('{', `{"x":${'['.repeat(5000)}1${']'.repeat(5000)},`), /nested more than/],
  ['JSON with keys that are numbers', 'x.json', (text) => text.replace('{', '{"1":"x",'), /keys that are numbers/],
  ['a name that says INI', 'x.ini', (text) => text, /INI files/],
  ['a name that says nothing', 'x.txt', (text) => text, /not called .json/],
];

test.each(changes)('%s: refused (%s)', async (_what, name, change, reason) => {
  const text = await sopsTree({ ...plain, sure: 'x' });
  expect(await open(name, change(text))).toMatch(reason);
});

test('a file of age that is cut, changed, for another, or for too many readers, is refused', async () => {
  expect(await open('k', await ageFile('x', stranger))).toMatch(/error: it is not encrypted for this cluster.*shoal secret seal/);
  expect(await open('k', madeByAge.binary.subarray(0, -1))).toMatch(/error: it is damaged/);
  expect(await open('k', madeByAge.binary.subarray(0, 60))).toMatch(/error: it is damaged/);
  expect(await open('k', madeByAge.armored.replace('kX', 'kY').replace('YWdl', 'YWdm'))).toMatch(/^error/);
  const many = madeByAge.binary.toString('latin1').replace('\n-> ', `${'\n-> X25519 AAAA\nAAAA'.repeat(1000)}\n-> `);
  expect(await open('k', Buffer.from(many, 'latin1'))).toMatch(/error: it is for 1001 readers/);
});

test('what is encrypted twice is not taken for a secret, and without a key nothing is', async () => {
  expect(await open('k', await ageFile(await ageFile('x')))).toBe('error: inside it is encrypted with age once more');
  expect(await newOpener(undefined).open('k', Buffer.from(madeByAge.armored))).toEqual({ error: expect.stringContaining('no key of its own') });
});

test('a repository opens what is for it; what is for all of the cluster is opened with full trust, and else refused with the word that mends it', async () => {
  const shop = sealingFor({ Identity: testIdentity }, 'shop');
  const openFor = async (Whole: boolean, content: string, path = 'k') => {
    const result = await newOpener(testIdentity, { Name: 'shop', Own: shop.Identity, Whole }).open(path, Buffer.from(content));
    return 'error' in result ? result.error : Buffer.from(result.bytes).toString().trim();
  };
  const tree = (recipient: string) => sopsTree({ a: 'x' }, { recipient });
  for (const full of [true, false]) {
    expect(await openFor(full, await ageFile('x', shop.Recipient))).toBe('x');
    expect(parse(await openFor(full, await tree(shop.Recipient), 'k.yaml'))).toEqual({ a: 'x' });
    for (const other of [stranger, sealingFor({ Identity: testIdentity }, 'other').Recipient])
      expect(await openFor(full, await ageFile('x', other))).toMatch(
        /^it is not encrypted for this repository: `shoal secret seal --repo shop` does that, or age with -r age1/,
      );
  }
  expect(await openFor(true, await ageFile('x'))).toBe('x');
  expect(parse(await openFor(true, await tree(testRecipient), 'k.yaml'))).toEqual({ a: 'x' });
  for (const [content, path] of [
    [await ageFile('x'), 'k'],
    [await tree(testRecipient), 'k.yaml'],
  ] as const)
    expect(await openFor(false, content, path)).toMatch(/^it is encrypted for the whole cluster, .* `shoal secret seal --repo shop` encrypts it for this one/);
});

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { sealed, unsealed } from '#disk/sealed-stream';

const cheap = { logN: 4, r: 8, p: 1 };
const passphrase = 'correct horse';

async function seal(pieces: Uint8Array[], cost = cheap): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of sealed(passphrase, pieces, randomBytes, cost)) parts.push(part);
  return Buffer.concat(parts);
}

async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function open(bytes: Uint8Array, phrase = passphrase, size = 1000): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of unsealed(phrase, inParts(bytes, size))) parts.push(part);
  return Buffer.concat(parts);
}

const reasonOf = async (opening: Promise<unknown>): Promise<unknown> => {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refusal);
  return (error as Refusal).facts['reason'];
};

test('what was sealed comes back, however it is cut on the way, and nothing of it can be read', async () => {
  const text = Buffer.from('a secret that nobody reads '.repeat(50_000));
  const file = await seal([text.subarray(0, 3), new Uint8Array(), text.subarray(3)]);
  for (const size of [1, 7, 100_000]) if (size > 1 || file.length < 10_000) expect((await open(file, passphrase, size)).equals(text)).toBe(true);
  expect(file.includes('a secret')).toBe(false);
  expect((await open(await seal([]))).length).toBe(0);
});

test('another passphrase is told from damage', async () => {
  const file = await seal([Buffer.from('x')]);
  expect(await reasonOf(open(file, 'wrong horse'))).toBe('wrongPassphrase');
  // One that a keyboard makes in another way is the same.
  const composed: Buffer[] = [];
  for await (const part of sealed('caf\u00e9 caf\u00e9', [Buffer.from('x')], randomBytes, cheap)) composed.push(part);
  expect((await open(Buffer.concat(composed), 'cafe\u0301 cafe\u0301')).toString()).toBe('x');
});

test('a file that is cut anywhere is refused by name', async () => {
  const file = await seal([Buffer.from('one'), Buffer.from('two')]);
  for (let end = 0; end < file.length; end++) expect(await reasonOf(open(file.subarray(0, end))), `${end} bytes`).toBe(end < 8 ? 'noBackup' : 'cutOff');
});

test('a file of which any byte is another one is refused by name', async () => {
  const file = await seal([Buffer.from('one'), Buffer.from('two')]);
  for (let at = 0; at < file.length; at++) {
    const other = Buffer.from(file);
    other[at] = (other[at] ?? 0) ^ 1;
    expect(['noBackup', 'newer', 'changed', 'cutOff'], `byte ${at}`).toContain(await reasonOf(open(other)));
  }
  expect(await reasonOf(open(Buffer.concat([file, Buffer.from('x')])))).toBe('changed');
});

test('pieces cannot be exchanged, and a file cannot ask for more memory than there is', async () => {
  const [one, other] = [await seal([Buffer.from('one'), Buffer.from('two')]), await seal([Buffer.from('one'), Buffer.from('two')])];
  const header = one.length - 2 * 23 - 20;
  const swapped = Buffer.concat([
    one.subarray(0, header),
    one.subarray(header + 23, header + 46),
    one.subarray(header, header + 23),
    one.subarray(header + 46),
  ]);
  expect(await reasonOf(open(swapped))).toBe('changed');
  expect(await reasonOf(open(Buffer.concat([one.subarray(0, header), other.subarray(header)])))).toBe('changed');
  const costly = Buffer.from(one);
  costly[9] = 30;
  expect(await reasonOf(open(costly))).toBe('changed');
});

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { inflated } from '../../../../src/gitops/hosted/inflated.ts';

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const piece of body) read.push(piece);
  return Buffer.concat(read);
}

test.each(['gzip', 'x-gzip', 'GZIP'])('what comes as %s is given on as it was', async (encoding) => {
  const text = Buffer.from('0032want\n'.repeat(5000));
  expect(await all(inflated(pieces(gzipSync(text)), encoding, text.length))).toEqual(text);
});

test('what is not packed stays as it is', async () => {
  expect(await all(inflated(pieces(Buffer.from('plain')), '', 1))).toEqual(Buffer.from('plain'));
});

test('what inflates without end is cut at its bound', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  let bytes = 0;
  const read = async (): Promise<void> => {
    for await (const piece of inflated(pieces(bomb), 'gzip', 1024 * 1024)) bytes += piece.length;
  };
  await expect(read()).rejects.toThrow('larger than 1048576 bytes when it is inflated');
  expect(bytes).toBeLessThanOrEqual(1024 * 1024);
});

test('what is no gzip, and what breaks off, is an error', async () => {
  await expect(all(inflated(pieces(Buffer.from('no gzip at all')), 'gzip', 1000))).rejects.toThrow('incorrect header');
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield gzipSync(Buffer.from('begins')).subarray(0, 8);
    throw new Error('the line is gone');
  };
  await expect(all(inflated(broken(), 'gzip', 1000))).rejects.toThrow('the line is gone');
});

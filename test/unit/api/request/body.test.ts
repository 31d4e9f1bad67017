import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { decodeBody, readBody } from '#api/request/body';
import { configSpec } from '#model/shape/object-shapes';

function sent(...chunks: Buffer[]): IncomingMessage {
  return Object.assign(Readable.from(chunks), { headers: {} }) as IncomingMessage;
}

function request(...chunks: string[]): IncomingMessage {
  return sent(...chunks.map((chunk) => Buffer.from(chunk)));
}

test('reads chunks as one, also when a character is cut in two', async () => {
  const bytes = Buffer.from('{"Name":"ü"}');
  const cut = sent(bytes.subarray(0, 10), bytes.subarray(10));
  expect(await decodeBody(cut, configSpec)).toEqual({ Name: 'ü' });
});

test('stops at the limit', async () => {
  await expect(readBody(request('12345', '67890'), 9)).rejects.toMatchObject({ status: 413 });
  expect((await readBody(request('12345', '6789'), 9)).length).toBe(9);
});

test.each([
  ['', 'got EOF while reading request body'],
  ['  \n', 'got EOF while reading request body'],
  ['{"Name": "a', 'unexpected EOF'],
  ['{"Name": ', 'unexpected EOF'],
  ['{"Name": "a"', 'unexpected EOF'],
])('refuses %j', async (text, message) => {
  await expect(decodeBody(request(text), configSpec)).rejects.toMatchObject({ status: 400, message });
});

test('a wrong character is told from a missing end', async () => {
  await expect(decodeBody(request('{"Name" "a"}'), configSpec)).rejects.toMatchObject({ status: 400, message: expect.stringMatching(/^invalid JSON/) });
});

test('null is an empty object', async () => {
  expect(await decodeBody(request('null'), configSpec)).toEqual({});
});

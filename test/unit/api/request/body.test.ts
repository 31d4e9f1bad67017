import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { expect, test, vi } from 'vitest';
import { bodyPieces, decodeBody, readBody } from '#api/request/body';
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

/** A body that comes when it is pushed. */
function coming(): IncomingMessage {
  return Object.assign(new Readable({ read: () => {} }), { headers: {} }) as unknown as IncomingMessage;
}

test('of a body that is taken piece by piece the sender is waited for, and does not wait against the clock', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  try {
    const body = coming();
    const pieces = bodyPieces(body, { bytes: 10, waitedMs: 90_000 });
    const next = async () => String((await pieces.next()).value);
    body.push('one');
    expect(await next()).toBe('one');
    // Nobody takes the next one.
    await vi.advanceTimersByTimeAsync(600_000);
    body.push('two');
    expect(await next()).toBe('two');
    const third = next();
    await vi.advanceTimersByTimeAsync(50_000);
    body.push('3');
    expect(await third).toBe('3');
    // Of all that he may take fifty seconds are gone.
    const late = expect(next()).rejects.toMatchObject({ status: 408, message: 'the body is waited for no longer than 40000 ms' });
    await vi.advanceTimersByTimeAsync(40_000);
    await late;
    expect(body.destroyed).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('a body that is taken piece by piece ends where it is too large', async () => {
  const body = request('12345', '67890');
  const pieces = bodyPieces(body, { bytes: 9, waitedMs: 1000 });
  expect((await pieces.next()).value).toEqual(Buffer.from('12345'));
  await expect(pieces.next()).rejects.toMatchObject({ status: 413 });
  expect(body.destroyed).toBe(true);
});

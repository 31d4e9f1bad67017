/** Docker's multiplexed log stream, however it is cut into pieces. */
import { expect, test } from 'vitest';
import { framedLines, logLines, logQuery } from '#engine/docker-logs';
import type { LogLine } from '#engine/engine';

function frame(stream: number, text: string): Buffer {
  const body = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

async function collect(lines: AsyncIterable<LogLine>): Promise<readonly LogLine[]> {
  const all: LogLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

const all = Buffer.concat([frame(1, '2026-01-01T00:00:00.1Z one two\n'), frame(2, '2026-01-01T00:00:00.2Z é\n'), frame(1, '2026-01-01T00:00:00.3Z ')]);
const expected = [
  { stream: 'stdout', timestamp: '2026-01-01T00:00:00.1Z', text: 'one two\n' },
  { stream: 'stderr', timestamp: '2026-01-01T00:00:00.2Z', text: 'é\n' },
  { stream: 'stdout', timestamp: '2026-01-01T00:00:00.3Z', text: '' },
];

test.each([1, 3, 9, 1000])('in pieces of %i bytes', async (size) => {
  async function* pieces() {
    for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
  }
  expect(await collect(framedLines(pieces()))).toEqual(expected);
});

test('what the driver keeps beside a line, where it was asked for', async () => {
  async function* pieces() {
    yield frame(1, '2026-01-01T00:00:00.1Z A=1,b%2C=x%20y one two\n');
    yield frame(1, '2026-01-01T00:00:00.2Z  nothing kept\n');
  }
  expect(await collect(framedLines(pieces(), true))).toEqual([
    { stream: 'stdout', timestamp: '2026-01-01T00:00:00.1Z', text: 'one two\n', details: 'A=1,b%2C=x%20y' },
    { stream: 'stdout', timestamp: '2026-01-01T00:00:00.2Z', text: 'nothing kept\n' },
  ]);
  const options = { follow: false, stdout: true, stderr: true };
  expect([logQuery(options)['details'], logQuery({ ...options, details: true })['details']]).toEqual([undefined, 'true']);
});

test('what is no log stream is refused before it fills the memory', async () => {
  async function* pieces() {
    yield Buffer.from('HTTP/1.1 400 Bad');
  }
  await expect(collect(framedLines(pieces()))).rejects.toThrow(/log frame of/);
});

test('a terminal’s line that never ends is given out in pieces under its time, in one walk', async () => {
  const time = '2026-01-01T00:00:00.000000000Z';
  async function* bar(): AsyncGenerator<Buffer> {
    yield Buffer.from(`${time} `);
    for (let times = 0; times < 512; times++) yield Buffer.from('='.repeat(64 * 1024));
    yield Buffer.from(`end\n${time} next`);
  }
  const lines = await collect(logLines(bar(), true));
  const texts = lines.map(({ text }) => text);
  expect(new Set(lines.map(({ timestamp }) => timestamp))).toEqual(new Set([time]));
  expect(Math.max(...texts.map(({ length }) => length))).toBeLessThan(512 * 1024);
  expect(texts.slice(0, -1).join('')).toBe(`${'='.repeat(512 * 64 * 1024)}end\n`);
  expect(texts.at(-1)).toBe('next');
});

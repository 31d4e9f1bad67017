/** Foreign names and texts reach a terminal only with their control characters escaped: tables, progress, JSON lines, errors. */
import { expect, test } from 'vitest';
import { tableLines } from '#cli/output/table';
import { listLines } from '#cli/output/list';
import { processTerminal, type Terminal } from '#cli/output/terminal';
import { renderer } from '#cli/progress/render';
import type { Watched } from '#cli/progress/watch';

const nasty = 'a\u001b]0;x\u0007\n\u009b2J\u202eb\tc\u007f';
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

function captured(act: () => void): string {
  const written: string[] = [];
  const streams = [process.stdout, process.stderr] as const;
  const before = streams.map((stream) => stream.write.bind(stream));
  for (const stream of streams) stream.write = ((text: string) => written.push(text) > 0) as typeof stream.write;
  try {
    act();
  } finally {
    streams.forEach((stream, index) => (stream.write = before[index] as typeof stream.write));
  }
  return written.join('');
}

test('a table has one line for each row, whatever its cells hold', async () => {
  const lines = await tableLines([
    ['NAME', 'STATE'],
    [nasty, nasty],
  ]);
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  expect((await listLines([{ name: nasty }], [{ heading: 'NAME', key: 'Name', text: (row) => row.name }], {}, () => '')).join('')).not.toMatch(controls);
});

test('what a command says on either stream is escaped at the terminal itself', () => {
  const written = captured(() => {
    processTerminal.out(nasty);
    processTerminal.error(nasty);
    processTerminal.out(JSON.stringify({ name: nasty }));
  });
  expect(written).not.toMatch(controls);
  expect(JSON.parse(written.trim().split('\n').at(-1) ?? '')).toEqual({ name: nasty });
});

test('progress lines are one line for each service', async () => {
  const said: string[] = [];
  const terminal: Terminal = { out: (line) => void said.push(line), error: () => undefined, raw: () => undefined, interactive: false };
  const progress = { verdict: 'failing', detail: nasty, running: 0, wanted: 1, slots: [{ name: '1', taskState: 'failed', error: nasty }], reasons: [] };
  (await renderer('lines', terminal))([{ id: 'x', name: nasty, progress } as unknown as Watched], false);
  expect(said).toHaveLength(1);
  expect(said[0]).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
});

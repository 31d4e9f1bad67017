/** The file in which the cluster's last events outlive the daemon. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { KeptEvents } from '#node/state/kept-events';
import { settle } from '#test/support/virtual-clock';
import { temporaryFolder } from '#test/support/folder';

let folder: string;
let warned: string[];
const open = (kept = 3): KeptEvents => new KeptEvents(folder, kept, { warn: (_facts, text) => void warned.push(text) });
const path = (): string => join(folder, 'events');

beforeEach(async () => {
  folder = await temporaryFolder();
  warned = [];
});

test('the next daemon knows the last ones, and the file does not grow without end', async () => {
  const first = open();
  for (let at = 0; at < 20; at++) {
    first.keep(`event ${at}`);
    if (at % 2 === 0) await first.stop();
    expect(readLines().length).toBeLessThanOrEqual(6);
  }
  await first.stop();
  expect(first.lines).toEqual(['event 17', 'event 18', 'event 19']);
  const next = open();
  expect(next.lines).toEqual(first.lines);
  next.keep('event 20');
  await next.stop();
  expect(open().lines).toEqual(['event 18', 'event 19', 'event 20']);
});

test('what comes one after the other shares a write, and who stops does not wait for more', async () => {
  const first = open(100);
  for (let at = 0; at < 50; at++) {
    first.keep(`event ${at}`);
    await settle();
  }
  expect(existsSync(path())).toBe(false);
  await first.stop();
  expect(readLines()).toHaveLength(50);
});

test('a line that was cut off by a crash is none, and spoils none that comes', async () => {
  const first = open();
  first.keep('whole');
  await first.stop();
  appendFileSync(path(), 'hal');
  const next = open();
  expect(next.lines).toEqual(['whole']);
  next.keep('after');
  await next.stop();
  expect(open().lines).toEqual(['whole', 'after']);
});

test('a disk that takes nothing costs the file, is told once, and what is kept comes to it later', async () => {
  const first = open();
  mkdirSync(path());
  first.keep('a');
  await first.stop();
  first.keep('b');
  await first.stop();
  expect([first.lines, warned.length]).toEqual([['a', 'b'], 1]);
  rmSync(path(), { recursive: true });
  first.keep('c');
  await first.stop();
  expect(open().lines).toEqual(['a', 'b', 'c']);
});

test('a node that leaves its cluster forgets them', async () => {
  const first = open();
  first.keep('a');
  await first.forget();
  expect([first.lines, existsSync(path())]).toEqual([[], false]);
  first.keep('b');
  await first.stop();
  expect(open().lines).toEqual(['b']);
});

function readLines(): string[] {
  return existsSync(path()) ? readFileSync(path(), 'utf8').split('\n').filter(Boolean) : [];
}

test('the next daemon knows up to which entry of the log it was told, until the node leaves its cluster', async () => {
  const first = open();
  first.keep('{"index":8}');
  expect(first.had(8)).toBe(false);
  first.keep('nothing of ours');
  await first.stop();
  const next = open();
  expect([next.had(8), next.had(9)]).toEqual([true, false]);
  await next.forget();
  expect(next.had(1)).toBe(false);
});

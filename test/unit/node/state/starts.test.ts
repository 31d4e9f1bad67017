import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseOptions } from '#node/options';
import { startsThatDied, writeStarts } from '#node/state/starts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'shoal-starts-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the count is kept in the same few bytes, which a full disk has', () => {
  expect(startsThatDied(folder)).toBe(0);
  expect(writeStarts(folder, 1)).toBe(true);
  const { ino, size } = statSync(join(folder, 'starts'));
  for (const count of [2, 30, 0, 7]) {
    expect(writeStarts(folder, count)).toBe(true);
    expect(startsThatDied(folder)).toBe(count);
  }
  expect(statSync(join(folder, 'starts'))).toMatchObject({ ino, size });
});

test('a count that is damaged or cannot be written stops nothing', () => {
  writeFileSync(join(folder, 'starts'), '\u0000\u0000x');
  expect(startsThatDied(folder)).toBe(0);
  expect(writeStarts(join(folder, 'nowhere'), 1)).toBe(false);
});

test('safe mode is asked for, or forbidden, by a flag or a variable', () => {
  const of = (args: string[], environment = {}) => (parseOptions(args, environment) as { safeMode?: boolean }).safeMode;
  expect([of([]), of(['--safe-mode']), of(['--safe-mode=false']), of([], { SHOAL_SAFE_MODE: 'true' })]).toEqual([undefined, true, false, true]);
  expect(() => of(['--safe-mode=maybe'])).toThrow('--safe-mode is true or false, not "maybe"');
});

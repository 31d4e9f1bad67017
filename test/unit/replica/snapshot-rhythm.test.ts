import { expect, test } from 'vitest';
import { SnapshotRhythm, type SnapshotPace } from '../../../src/replica/snapshot-rhythm.ts';

test('a snapshot is due after so many entries or so many bytes, and when somebody needs one', () => {
  const rhythm = new SnapshotRhythm(0, { entries: 3, bytes: 100 }, { entries: 500, bytes: 1000 });
  rhythm.want();
  expect(rhythm.due).toBe(false);
  rhythm.taken(0);
  rhythm.count(10);
  expect(rhythm.due).toBe(false);
  rhythm.count(90);
  expect(rhythm.due).toBe(true);
  rhythm.taken(2);
  for (let count = 0; count < 3; count++) rhythm.count(1);
  expect(rhythm.due).toBe(true);
  rhythm.taken(5);
  rhythm.count(1);
  rhythm.want();
  expect(rhythm.due).toBe(true);
});

test.each([
  [{ entries: 5, bytes: 1000 }, 20, 5],
  [{ entries: 5, bytes: 1000 }, 300, 3],
  [{ entries: 5, bytes: 1000 }, 1001, 0],
  [{ entries: 0, bytes: 1000 }, 1, 0],
])('of the log %o stays behind a snapshot: of entries of %i bytes the last %i', (keeps, bytes, expected) => {
  const rhythm = new SnapshotRhythm(0, { entries: 1000, bytes: 1e9 }, keeps);
  for (let count = 0; count < 40; count++) rhythm.count(bytes);
  expect(rhythm.kept).toBe(expected);
  rhythm.taken(40);
  expect(rhythm.kept).toBe(expected);
});

test('nothing is kept that was not applied', () => {
  const rhythm = new SnapshotRhythm(0, { entries: 1, bytes: 1 }, { entries: 500, bytes: 1e9 });
  for (let count = 0; count < 4; count++) rhythm.count(7);
  expect(rhythm.kept).toBe(4);
});

test('what the group wants goes before the settings, at once; one older snapshot always stays', () => {
  let pace: SnapshotPace | undefined;
  const rhythm = new SnapshotRhythm(0, { entries: 1000, bytes: 1e9 }, { entries: 500, bytes: 1e9 }, () => pace);
  for (let count = 0; count < 40; count++) rhythm.count(1);
  expect([rhythm.due, rhythm.kept, rhythm.older]).toEqual([false, 40, 1]);
  pace = { everyEntries: 20, keptEntries: 5, olderSnapshots: 3 };
  expect([rhythm.due, rhythm.kept, rhythm.older]).toEqual([true, 5, 3]);
  pace = { ...pace, olderSnapshots: 0 };
  expect(rhythm.older).toBe(1);
});

test('who is new is sent the whole state, which is taken before he asks; whoever was there needs none', () => {
  const rhythm = new SnapshotRhythm(0, { entries: 100, bytes: 1e9 }, { entries: 500, bytes: 1000 });
  const before = { voters: ['a'], learners: ['b'] };
  rhythm.count(1);
  rhythm.change(before, { voters: ['a', 'b'], learners: [] });
  rhythm.change(before, { voters: [], learners: ['a', 'b'] });
  expect(rhythm.due).toBe(false);
  rhythm.change(before, { voters: ['a'], learners: ['b', 'c'] });
  expect(rhythm.due).toBe(true);
});

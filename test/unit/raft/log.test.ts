import { expect, test } from 'vitest';
import { Amnesia } from '#raft/amnesia';
import { Log } from '#raft/log';
import type { Entry } from '#raft/message';

function entry(index: number, term: number): Entry {
  return { index, term, kind: 'normal', bytes: Buffer.from(`${index}`) };
}

function log(...terms: number[]): Log {
  return new Log(
    { index: 0, term: 0 },
    terms.map((term, at) => entry(at + 1, term)),
    0,
  );
}

test('what is compacted or not there yet has no term', () => {
  const found = log(1, 1, 2);
  found.commitTo(3);
  found.takeCommitted(1000);
  found.appliedTo(3);
  found.compact(2);
  expect([1, 2, 3, 4].map((index) => found.termAt(index))).toEqual([undefined, 1, 2, undefined]);
  expect(found.slice(2, 3, 1000)).toBeUndefined();
  expect(found.slice(3, 3, 1000)?.length).toBe(1);
});

test('a committed entry is never replaced', () => {
  const found = log(1, 1);
  found.commitTo(2);
  expect(() => found.accept(1, 1, [entry(2, 2)])).toThrow(/entry 2 is committed/);
});

test('a commit beyond the end says that entries were lost, and is never taken for less', () => {
  expect(() => log(1).commitTo(2)).toThrow(Amnesia);
  expect(() => new Log({ index: 3, term: 1 }, [entry(4, 1)], 5)).toThrow(Amnesia);
});

test('a report on entries that a snapshot has overtaken changes nothing; one on entries never handed out is a fault', () => {
  const found = log(1, 1, 1);
  found.commitTo(2);
  found.takeCommitted(1000);
  found.restore({ index: 9, term: 2, configuration: { voters: ['a'], learners: [] } });
  expect(found.appliedTo(2)).toEqual([]);
  expect([found.applied, found.committed]).toEqual([9, 9]);
  expect(() => found.appliedTo(10)).toThrow(/beyond 9/);
});

test('entries are applied only when they are committed and on this disk', () => {
  const found = log(1);
  found.append([entry(2, 1), entry(3, 1)]);
  found.commitTo(3);
  expect(found.takeCommitted(1000).map((one) => one.index)).toEqual([1]);
  expect(found.takeUnstable().map((one) => one.index)).toEqual([2, 3]);
  expect(found.takeUnstable()).toEqual([]);
  found.markStable(3, 1);
  found.appliedTo(1);
  expect(found.takeCommitted(1).map((one) => one.index)).toEqual([2]);
  expect(found.takeCommitted(1)).toEqual([]);
  found.appliedTo(2);
  expect(found.takeCommitted(1).map((one) => one.index)).toEqual([3]);
});

test('a disk that finished an overwritten entry makes nothing stable', () => {
  const found = log(1);
  found.append([entry(2, 1)]);
  found.takeUnstable();
  found.accept(1, 1, [entry(2, 2)]);
  found.markStable(2, 1);
  expect(found.stable).toBe(1);
  expect(found.takeUnstable().map((one) => one.term)).toEqual([2]);
});

test('a limit on bytes never stops the first entry', () => {
  expect(log(1, 1, 1).slice(1, 3, 0)?.length).toBe(1);
  expect(log(1, 1, 1).slice(1, 3, 2)?.length).toBe(2);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decode, encode } from '#base/codec';
import type { Change } from '#raft/membership/changer';
import type { Entry } from '#raft/message';
import { openDisk } from '#replica/disk-storage';
import { aloneFrom, makeAnew } from '#replica/group/make-anew';
import { realClock } from '#test/support/real-clock';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'anew-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const change = (index: number, what: Change): Entry => ({ term: 2, index, kind: 'configuration', bytes: encode(what) });
const normal = (index: number): Entry => ({ term: 2, index, kind: 'normal', bytes: new Uint8Array([index]) });
const group = { index: 5, term: 1, configuration: { voters: ['a', 'b'], learners: ['d'] } };

test('all that the log holds is kept and counts, and everybody else is gone', () => {
  const entries = [normal(6), change(7, { type: 'addLearner', id: 'c' }), normal(8)];
  const write = aloneFrom({ hardState: { term: 4, vote: 'b', commit: 6 }, snapshot: group, entries }, 'a');
  expect(write.hardState).toEqual({ term: 5, vote: undefined, commit: 11 });
  expect(write.entries.map(({ term, index, bytes }) => [term, index, decode(bytes)])).toEqual([
    [5, 9, { type: 'remove', id: 'b' }],
    [5, 10, { type: 'remove', id: 'c' }],
    [5, 11, { type: 'remove', id: 'd' }],
  ]);
});

test('one that had no vote yet gets one; a stranger makes nothing anew', () => {
  const initial = { hardState: { term: 1, vote: undefined, commit: 5 }, snapshot: group, entries: [] };
  expect(aloneFrom(initial, 'd').entries.map(({ bytes }) => decode(bytes))).toEqual([
    { type: 'addVoter', id: 'd' },
    { type: 'remove', id: 'a' },
    { type: 'remove', id: 'b' },
  ]);
  expect(() => aloneFrom(initial, 'x')).toThrow('x does not hold the log of a cluster');
});

test('the folder is of the next incarnation, and stays that', async () => {
  const options = { folder, clock: realClock, node: 'a', reserveBytes: 0 };
  const first = await openDisk(options)({ index: 0, term: 0, configuration: group.configuration });
  expect(first.owner?.incarnation).toBe(1);
  await first.storage.close();
  for (const incarnation of [2, 3]) {
    await makeAnew(options);
    const opened = await openDisk({ ...options, founds: false })({ index: 0, term: 0, configuration: { voters: [], learners: [] } });
    expect(opened.owner?.incarnation).toBe(incarnation);
    await opened.storage.close();
  }
});

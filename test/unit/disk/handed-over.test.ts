/** What the replica hands to the disk fits what the disk holds, or the process ends: a log with a gap, or a second vote, is worse than none. */
import { expect, test } from 'vitest';
import { Storage } from '#disk/storage';
import type { Write } from '#raft/ready';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';

const configuration = { voters: ['a'], learners: [] };

async function opened(): Promise<Storage> {
  const options = { clock: new VirtualClock(), node: 'a', segmentBytes: 1e6, reserveBytes: 0, begin: { index: 0, term: 0, configuration } };
  const { storage } = await Storage.open({ ...options, folder: await temporaryFolder() });
  await storage.write(job({ term: 4, vote: 'a', indexes: [1, 2] }));
  return storage;
}

function job({ term = 4, vote = 'a', indexes = [] as number[], installed = undefined as Write['installed'] }): Write {
  const entries = indexes.map((index) => ({ index, term, kind: 'normal' as const, bytes: Buffer.from('x') }));
  return { hardState: { term, vote, commit: 1 }, entries, installed, replies: [], attest: { term, index: indexes.at(-1) ?? 2, lastTerm: term } };
}

test.each<[string, Write, string]>([
  ['entries behind a gap', job({ indexes: [4] }), 'entry 4 leaves a gap behind 2'],
  ['entries in no order', job({ indexes: [3, 5] }), 'entry 5 follows 3 in one record'],
  ['an earlier term', job({ term: 3, indexes: [3] }), 'term 3 follows term 4'],
  ['a second vote in a term', job({ vote: 'b' }), 'in term 4 the vote for a becomes one for b'],
  ['a snapshot that never came', job({ installed: { index: 9, term: 4, configuration } }), 'snapshot 9 is installed before its bytes are here'],
])('%s', async (_what, wrong, words) => {
  const storage = await opened();
  await expect(storage.write(wrong)).rejects.toThrow(words);
  await storage.close().catch(() => {});
});

/** Makes a group anew from one member that has lost the others for good: on its disk, while it does not run. */
import { decode, encode } from '#base/codec';
import { Refusal } from '#base/refusal';
import type { Initial } from '#raft/core';
import { changed, isMember, type Change } from '#raft/membership/changer';
import type { Configuration, Entry } from '#raft/message';
import type { Write } from '#raft/ready';
import { openDisk, type DiskOptions } from '../disk-storage.ts';

/**
 * All that the log holds counts from now on, acknowledged or not: what a majority acknowledged is among it if this member has it.
 * The others are no members any more, and the group has another incarnation: whoever is of the one before is not spoken to.
 */
export async function makeAnew(options: Omit<DiskOptions, 'founds'>): Promise<void> {
  const nobody = { index: 0, term: 0, configuration: { voters: [], learners: [] } };
  const before = await openDisk({ ...options, founds: false })(nobody);
  const incarnation = (before.owner?.incarnation ?? 1) + 1;
  await before.storage.close();
  const { storage, initial } = await openDisk({ ...options, founds: false, incarnation })(nobody);
  try {
    await storage.write(aloneFrom(initial, options.node));
  } finally {
    await storage.close();
  }
}

/**
 * What makes `id` the only member: entries that change the membership, committed at once.
 * @internal
 */
export function aloneFrom({ hardState, snapshot, entries }: Initial, id: string): Write {
  let { configuration } = snapshot;
  for (const entry of entries) if (entry.kind === 'configuration') configuration = changed(configuration, decode<Change>(entry.bytes)) ?? configuration;
  if (!isMember(configuration, id)) throw new Refusal('failedPrecondition', `${id} does not hold the log of a cluster: ask another manager`);
  const last = entries.at(-1) ?? snapshot;
  // No other leader has ever had it with this log.
  const term = Math.max(hardState.term, last.term) + 1;
  const added = changesTo(configuration, id).map((change, at): Entry => ({ term, index: last.index + 1 + at, kind: 'configuration', bytes: encode(change) }));
  const index = last.index + added.length;
  const attest = { term, index, lastTerm: added.length > 0 ? term : last.term };
  return { hardState: { term, vote: undefined, commit: index }, entries: added, installed: undefined, replies: [], attest };
}

function changesTo({ voters, learners }: Configuration, id: string): Change[] {
  const others = [...voters, ...learners].filter((each) => each !== id);
  const vote: Change[] = voters.includes(id) ? [] : [{ type: 'addVoter', id }];
  return [...vote, ...others.map((each): Change => ({ type: 'remove', id: each }))];
}

/** The leader's side of linearizable reads. */
import type { Core } from './core.ts';
import { quorumValue } from './membership/quorum.ts';
import type { Asked } from './read-rounds.ts';

/** A read at the leader: confirmed by those who asked, or the next round, or later when this term has committed nothing yet. */
export function leaderRead(core: Core, asked: Asked): void {
  if (core.committedInTerm) core.reads.add(asked, core.log.committed);
  else core.reads.addEarly(asked);
}

/** The first commit of the term makes the leader's commit index the group's. */
export function releaseEarlyReads(core: Core): void {
  if (!core.committedInTerm) return;
  for (const asked of core.reads.takeEarly()) leaderRead(core, asked);
}

/**
 * Answers the reads that a quorum of the present configuration confirms: by the round that it has answered, the leader by itself, and whoever asked
 * by asking: after the read began it was in this term, as a quorum of which one had voted for a later leader before could not be. Returns who is
 * answered without a round, which would have told how much is committed.
 */
export function confirmReads(core: Core): ReadonlySet<string> {
  const { voters } = core.configuration;
  const confirmed = (asker: string): number =>
    quorumValue(voters, (id) => (id === core.id || id === asker ? Infinity : (core.progress.get(id)?.readAcknowledged ?? 0)));
  const untold = new Set<string>();
  for (const { from, requestId, index, round } of core.reads.takeConfirmed(confirmed)) {
    if (from === core.id) core.reads.done.push({ requestId, index });
    else core.send({ type: 'readIndexReply', to: from, requestId, index });
    if (from !== core.id && round > core.reads.sequence) untold.add(from);
  }
  return untold;
}

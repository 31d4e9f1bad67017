/** The leader's side of linearizable reads. */
import type { Core } from './core.ts';
import { quorumValue } from './membership/quorum.ts';
import type { Asked } from './read-rounds.ts';

/** A read at the leader: confirmed by the next round, or later when this term has committed nothing yet. */
export function leaderRead(core: Core, asked: Asked): void {
  if (core.committedInTerm) core.reads.add(asked, core.log.committed);
  else core.reads.addEarly(asked);
}

/** The first commit of the term makes the leader's commit index the group's. */
export function releaseEarlyReads(core: Core): void {
  if (!core.committedInTerm) return;
  for (const asked of core.reads.takeEarly()) leaderRead(core, asked);
}

/** Answers the reads whose round a quorum of the present configuration has confirmed; the leader confirms its own rounds. */
export function confirmReads(core: Core): void {
  const { voters } = core.configuration;
  const round = quorumValue(voters, (id) => (id === core.id ? core.reads.sequence : (core.progress.get(id)?.readAcknowledged ?? 0)));
  for (const { from, requestId, index } of core.reads.takeConfirmed(round)) {
    if (from === core.id) core.reads.done.push({ requestId, index });
    else core.send({ type: 'readIndexReply', to: from, requestId, index });
  }
}

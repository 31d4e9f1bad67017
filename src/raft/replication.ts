/** The leader's side of the log: sending, counting answers, committing. */
import { assert } from '#base/assert';
import { isMember } from './changer.ts';
import type { Core } from './core.ts';
import type { AppendReply, Entry, HeartbeatReply } from './message.ts';
import type { Progress } from './progress.ts';
import { majority, quorumValue } from './quorum.ts';

/** Adds one entry of the leader's own; the caller broadcasts. Returns its index. */
export function appendOwn(core: Core, kind: Entry['kind'], bytes: Uint8Array): number {
  const index = core.log.lastIndex + 1;
  core.log.append([{ term: core.term, index, kind, bytes }]);
  core.uncommittedBytes += bytes.length;
  return index;
}

export function broadcastAppend(core: Core): void {
  for (const to of core.peers) sendAppend(core, to, true);
}

/**
 * Sends what `to` lacks, as far as its window allows. `evenEmpty`: also without entries, as a probe or to carry the
 * commit index. Returns whether something was sent.
 */
export function sendAppend(core: Core, to: string, evenEmpty: boolean): boolean {
  const progress = core.progress.get(to);
  if (!progress || progress.isPaused) return false;
  const prevIndex = progress.next - 1;
  const prevTerm = core.log.termAt(prevIndex);
  const entries = progress.windowFull ? [] : core.log.slice(progress.next, core.log.lastIndex, core.limits.maxAppendBytes);
  if (prevTerm === undefined || entries === undefined) return sendSnapshot(core, to, progress);
  if (entries.length === 0 && !evenEmpty) return false;
  core.send({ type: 'append', to, prevIndex, prevTerm, entries, commit: core.log.committed });
  progress.sentCommit = core.log.committed;
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
  progress.sent(entries.length, prevIndex + entries.length, bytes);
  return true;
}

/**
 * The entries are gone. Only a member that answers is worth the bytes, and one newer than the snapshot would refuse it:
 * it waits until the driver has taken the next.
 */
function sendSnapshot(core: Core, to: string, progress: Progress): boolean {
  if (!progress.recentActive || !isMember(core.snapshot.configuration, to)) return false;
  core.send({ type: 'snapshot', to, meta: core.snapshot });
  progress.becomeSnapshot(core.snapshot.index);
  return true;
}

export function broadcastHeartbeat(core: Core): void {
  for (const to of core.peers) {
    const match = core.progress.get(to)?.match ?? 0;
    core.send({ type: 'heartbeat', to, commit: Math.min(match, core.log.committed), readSequence: core.reads.sequence });
  }
}

/** Leader's clock: heartbeats, and the check that a quorum still answers. */
export function tickLeader(core: Core): void {
  core.electionElapsed++;
  core.heartbeatElapsed++;
  if (core.electionElapsed >= core.limits.electionTicks) {
    core.electionElapsed = 0;
    core.transferee = undefined;
    if (!quorumActive(core)) {
      core.becomeFollower(core.term, undefined);
      return;
    }
  }
  if (core.heartbeatElapsed < core.limits.heartbeatTicks) return;
  core.heartbeatElapsed = 0;
  broadcastHeartbeat(core);
}

function quorumActive(core: Core): boolean {
  const { voters } = core.configuration;
  const active = voters.filter((id) => id === core.id || core.progress.get(id)?.recentActive === true);
  for (const progress of core.progress.values()) progress.recentActive = false;
  return active.length >= majority(voters.length);
}

/** Commits what a quorum holds, if it is of this term; tells everybody. Returns whether the index moved. */
export function advanceCommit(core: Core): boolean {
  const own = core.progress.get(core.id);
  assert(own, 'a leader knows its own progress');
  own.acknowledge(core.log.stable);
  const index = quorumValue(core.configuration.voters, (id) => core.progress.get(id)?.match ?? 0);
  if (index <= core.log.committed || core.log.termAt(index) !== core.term) return false;
  for (const entry of core.log.slice(core.log.committed + 1, index, Infinity) ?? []) core.uncommittedBytes -= entry.bytes.length;
  // Entries of earlier terms were never counted.
  core.uncommittedBytes = Math.max(0, core.uncommittedBytes);
  core.log.commitTo(index);
  releaseEarlyReads(core);
  broadcastAppend(core);
  return true;
}

export function handleAppendReply(core: Core, message: AppendReply): void {
  const progress = core.progress.get(message.from);
  if (!progress) return;
  progress.recentActive = true;
  if (message.rejected) {
    const hint = core.log.hint(message.hintIndex, message.hintTerm);
    if (progress.rejected(message.index, hint.index)) sendAppend(core, message.from, true);
    return;
  }
  const news = progress.acknowledge(message.index);
  if (!news && !(progress.state === 'probe' && progress.match === message.index)) return;
  advanceState(core, progress, message.index);
  if (!advanceCommit(core) && progress.sentCommit < core.log.committed) sendAppend(core, message.from, true);
  while (sendAppend(core, message.from, false));
  if (core.transferee === message.from && progress.match === core.log.lastIndex) core.send({ type: 'timeoutNow', to: message.from });
}

function advanceState(core: Core, progress: Progress, index: number): void {
  if (progress.state === 'replicate') progress.free(index);
  else if (progress.state === 'probe') progress.becomeReplicate();
  // Whatever snapshot was sent: the log continues from what the member has now.
  else if (progress.match + 1 >= core.log.firstIndex) progress.becomeReplicate();
}

export function handleHeartbeatReply(core: Core, message: HeartbeatReply): void {
  const progress = core.progress.get(message.from);
  if (!progress) return;
  progress.recentActive = true;
  progress.paused = false;
  if (progress.match < core.log.lastIndex || progress.state === 'probe') sendAppend(core, message.from, true);
  progress.readAcknowledged = Math.max(progress.readAcknowledged, message.readSequence);
  const round = quorumValue(core.configuration.voters, (id) => (id === core.id ? core.reads.sequence : (core.progress.get(id)?.readAcknowledged ?? 0)));
  for (const read of core.reads.takeConfirmed(round)) answerRead(core, read.from, read.requestId, read.index);
}

/** A read at the leader: confirmed by the next round, or at once when there is nobody to ask. */
export function leaderRead(core: Core, from: string, requestId: string): void {
  if (!core.committedInTerm) {
    core.reads.addEarly({ from, requestId });
    return;
  }
  const alone = core.configuration.voters.length === 1 && core.isVoter;
  if (alone) answerRead(core, from, requestId, core.log.committed);
  else core.reads.add({ from, requestId }, core.log.committed);
}

function releaseEarlyReads(core: Core): void {
  for (const asked of core.reads.takeEarly()) leaderRead(core, asked.from, asked.requestId);
}

function answerRead(core: Core, to: string, requestId: string, index: number): void {
  if (to === core.id) core.reads.done.push({ requestId, index });
  else core.send({ type: 'readIndexReply', to, requestId, index });
}

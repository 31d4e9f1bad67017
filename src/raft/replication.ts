/** The leader's side of the log: sending, counting answers, committing. */
import { assert } from '#base/assert';
import { isMember } from './membership/changer.ts';
import type { Core } from './core.ts';
import type { AppendReply, Entry, HeartbeatReply } from './message.ts';
import type { Progress } from './progress.ts';
import { majority, quorumValue } from './membership/quorum.ts';
import { releaseEarlyReads } from './reads.ts';

/** Adds one entry of the leader's own; the caller broadcasts. Returns its index. */
export function appendOwn(core: Core, kind: Entry['kind'], bytes: Uint8Array): number {
  const index = core.log.lastIndex + 1;
  core.log.append([{ term: core.term, index, kind, bytes }]);
  core.uncommittedBytes += bytes.length;
  return index;
}

/**
 * Sends what has gathered in this turn: one append to each member, more only where one cannot hold it. A commit index goes
 * along with the next append or heartbeat; only one that must not wait gets an append of its own.
 */
export function flushAppends(core: Core): void {
  if (!core.appendDue) return;
  core.appendDue = false;
  for (const to of core.peers) sendAll(core, to);
}

function sendAll(core: Core, to: string): void {
  const progress = core.progress.get(to);
  if (!progress) return;
  const evenEmpty = progress.askDue || progress.sentCommit < core.urgentCommit;
  progress.askDue = false;
  let sent = false;
  while (sendAppend(core, to, progress, false)) sent = true;
  if (!sent && evenEmpty) sendAppend(core, to, progress, true);
}

/** The next turn asks `progress`'s member for an answer, with entries if there are any. */
export function ask(core: Core, progress: Progress): void {
  progress.askDue = true;
  core.appendDue = true;
}

/**
 * Sends what `to` lacks, as far as its window allows. `evenEmpty`: also without entries, as a probe or to carry the
 * commit index. Returns whether something was sent.
 */
function sendAppend(core: Core, to: string, progress: Progress, evenEmpty: boolean): boolean {
  if (progress.isPaused) return false;
  if (progress.needsSnapshot) return sendSnapshot(core, to, progress);
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
 * The entries are gone, or would say nothing to a member that has nothing. Only a member that answers is worth the bytes;
 * one that is newer than the snapshot waits until the driver has taken the next.
 */
function sendSnapshot(core: Core, to: string, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  if (core.snapshot.index <= progress.match || !isFor(core, to)) {
    core.snapshotWanted.add(to);
    return false;
  }
  core.send({ type: 'snapshot', to, meta: core.snapshot });
  progress.becomeSnapshot(core.snapshot.index);
  return true;
}

/** The snapshot knows the member, and not from an earlier time as a voter: to one that has begun anew that would say that it lost its log. */
function isFor({ snapshot, configuration }: Core, to: string): boolean {
  return isMember(snapshot.configuration, to) && !(configuration.learners.includes(to) && snapshot.configuration.voters.includes(to));
}

export function broadcastHeartbeat(core: Core): void {
  for (const to of core.peers) sendHeartbeat(core, to);
}

export function sendHeartbeat(core: Core, to: string): void {
  const match = core.progress.get(to)?.match ?? 0;
  core.send({ type: 'heartbeat', to, commit: Math.min(match, core.log.committed), readSequence: core.reads.sequence });
}

/** Leader's clock: heartbeats, and the check that a quorum still answers. */
export function tickLeader(core: Core): void {
  core.electionElapsed++;
  core.heartbeatElapsed++;
  if (core.transferee !== undefined && ++core.transferElapsed >= core.limits.electionTicks) core.transferee = undefined;
  if (core.electionElapsed >= core.limits.electionTicks) {
    core.electionElapsed = 0;
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

/** Commits what a quorum holds, if it is of this term. */
export function advanceCommit(core: Core): void {
  const own = core.progress.get(core.id);
  assert(own, 'a leader knows its own progress');
  own.acknowledge(core.log.stable);
  const index = quorumValue(core.configuration.voters, (id) => core.progress.get(id)?.match ?? 0);
  if (index <= core.log.committed || core.log.termAt(index) !== core.term) return;
  const first = !core.committedInTerm;
  for (const entry of core.log.slice(core.log.committed + 1, index, Infinity) ?? []) {
    if (entry.term === core.term) core.uncommittedBytes -= entry.bytes.length;
    if (entry.kind === 'configuration') core.urgentCommit = index;
  }
  core.log.commitTo(index);
  if (first) core.urgentCommit = index;
  if (core.urgentCommit === index) core.appendDue = true;
  releaseEarlyReads(core);
}

export function handleAppendReply(core: Core, message: AppendReply): void {
  const progress = core.progress.get(message.from);
  // Nobody can hold what this leader does not have.
  if (!progress || message.index > core.log.lastIndex) return;
  progress.recentActive = true;
  if (!message.rejected && message.commit > progress.durableCommit) {
    progress.durableCommit = message.commit;
    closeChange(core);
  }
  if (message.rejected) {
    const hint = core.log.hint(message.hintIndex, message.hintTerm);
    if (progress.rejected(message.index, hint.index)) ask(core, progress);
    return;
  }
  const news = progress.acknowledge(message.index);
  if (!news && !(progress.state === 'probe' && progress.match === message.index)) return;
  advanceState(core, progress, message.index);
  advanceCommit(core);
  core.appendDue = true;
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
  // A round that was never begun cannot be confirmed.
  if (!progress || message.readSequence > core.reads.sequence) return;
  progress.recentActive = true;
  progress.paused = false;
  const forgets = core.openChange !== undefined && core.openChange <= core.log.committed && progress.durableCommit < core.openChange;
  if (progress.match < core.log.lastIndex || progress.state === 'probe' || forgets) ask(core, progress);
  progress.readAcknowledged = Math.max(progress.readAcknowledged, message.readSequence);
}

/**
 * A change is done when a majority of the new configuration has on its disks that the entry is committed: only then may
 * those that left be switched off, for whoever is left finds the new configuration again after any crash.
 */
export function closeChange(core: Core): void {
  const index = core.openChange;
  if (index === undefined || core.log.applied < index) return;
  const durable = quorumValue(core.configuration.voters, (id) => (id === core.id ? core.durableCommit : (core.progress.get(id)?.durableCommit ?? 0)));
  if (durable < index) return;
  core.openChange = undefined;
  core.changesDone.push(index);
}

/** The follower's side of the log: taking entries, commit indexes and snapshots from a leader. */
import type { Core } from './core.ts';
import { isMember } from './membership/changer.ts';
import { Amnesia } from './amnesia.ts';
import type { Append, Heartbeat, InstallSnapshot } from './message.ts';

/** A message of this term's leader: it lives, and a candidate of the same term has lost. */
export function heardLeader(core: Core, leader: string): void {
  if (core.role !== 'follower') core.becomeFollower(core.term, leader);
  core.leader = leader;
  core.electionElapsed = 0;
}

/** Answers say what the disk holds once they leave; the commit index is filled in then. */
const accepted = { type: 'appendReply', rejected: false, hintIndex: 0, hintTerm: 0, commit: 0 } as const;

export function handleAppend(core: Core, message: Append): void {
  const reply = { ...accepted, to: message.from };
  if (core.isJoiner) {
    // Entries without the configuration before them would leave it to guess who votes.
    core.send({ ...reply, index: message.prevIndex, rejected: true });
    return;
  }
  if (message.prevIndex < core.log.committed) {
    core.send({ ...reply, index: core.log.committed });
    return;
  }
  const equalTo = core.log.accept(message.prevIndex, message.prevTerm, message.entries);
  if (equalTo === undefined) {
    const hint = core.log.hint(message.prevIndex, message.prevTerm);
    core.send({ ...reply, index: message.prevIndex, rejected: true, hintIndex: hint.index, hintTerm: hint.term });
    return;
  }
  // Never the own last index: what lies behind the leader's entries may be a stale tail.
  core.log.commitTo(Math.min(message.commit, equalTo));
  core.send({ ...reply, index: equalTo });
}

export function handleHeartbeat(core: Core, message: Heartbeat): void {
  // The leader never names more than we acknowledged to it. From a stranger it is no proof, and no reason to end.
  if (message.commit > core.log.lastIndex && !core.configuration.voters.includes(message.from)) return;
  core.log.commitTo(message.commit);
  core.send({ type: 'heartbeatReply', to: message.from, readSequence: message.readSequence });
}

export function handleSnapshot(core: Core, message: InstallSnapshot): void {
  const { meta } = message;
  const reply = { ...accepted, to: message.from };
  if (meta.index <= core.log.committed || !isMember(meta.configuration, core.id)) {
    core.send({ ...reply, index: core.log.committed });
    return;
  }
  if (core.log.termAt(meta.index) === meta.term) {
    // The log already holds the snapshot's last entry: the tail behind it is kept.
    core.log.commitTo(meta.index);
    core.send({ ...reply, index: core.log.committed });
    return;
  }
  if (core.isJoiner && meta.configuration.voters.includes(core.id)) {
    // Voters are made of members that hold the log: this one held it, and has lost it.
    throw new Amnesia(`${core.id} is a voter and has no log`, { promised: meta.index, held: 0 });
  }
  core.log.restore(meta);
  core.snapshot = meta;
  core.configuration = meta.configuration;
  core.restored = meta;
  core.send({ ...reply, index: meta.index });
}

/** The follower's side of the log: taking entries, commit indexes and snapshots from a leader. */
import type { Core } from './core.ts';
import { isMember } from './changer.ts';
import type { Append, Heartbeat, InstallSnapshot } from './message.ts';

/** A message of this term's leader: it lives, and a candidate of the same term has lost. */
export function heardLeader(core: Core, leader: string): void {
  if (core.role !== 'follower') core.becomeFollower(core.term, leader);
  core.leader = leader;
  core.electionElapsed = 0;
}

export function handleAppend(core: Core, message: Append): void {
  const accepted = { type: 'appendReply', to: message.from, rejected: false, hintIndex: 0, hintTerm: 0 } as const;
  if (message.prevIndex < core.log.committed) {
    core.send({ ...accepted, index: core.log.committed });
    return;
  }
  const equalTo = core.log.accept(message.prevIndex, message.prevTerm, message.entries);
  if (equalTo === undefined) {
    const hint = core.log.hint(message.prevIndex, message.prevTerm);
    core.send({ ...accepted, index: message.prevIndex, rejected: true, hintIndex: hint.index, hintTerm: hint.term });
    return;
  }
  // Never the own last index: what lies behind the leader's entries may be a stale tail.
  core.log.commitTo(Math.min(message.commit, equalTo));
  core.send({ ...accepted, index: equalTo });
}

export function handleHeartbeat(core: Core, message: Heartbeat): void {
  core.log.commitTo(message.commit);
  core.send({ type: 'heartbeatReply', to: message.from, readSequence: message.readSequence });
}

export function handleSnapshot(core: Core, message: InstallSnapshot): void {
  const { meta } = message;
  const reply = { type: 'appendReply', to: message.from, rejected: false, hintIndex: 0, hintTerm: 0 } as const;
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
  core.log.restore(meta);
  core.snapshot = meta;
  core.configuration = meta.configuration;
  core.restored = meta;
  core.send({ ...reply, index: meta.index });
}

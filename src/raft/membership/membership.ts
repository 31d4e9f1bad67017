/** Members come and go by entries of the log; a change is in force once its entry is applied. */
import { decode, encode } from '#base/codec';
import { changed, type Change } from './changer.ts';
import type { Core } from '../core.ts';
import type { Entry } from '../message.ts';
import { Progress } from '../progress.ts';
import { advanceCommit, appendOwn, ask, closeChange } from '../replication.ts';

export type ChangeRefusal = 'notLeader' | 'transferring' | 'changePending' | 'lastVoter' | 'notLearner' | 'notCaughtUp';

/** Why `change` may not be proposed now; undefined when it may. */
function refusalOf(core: Core, change: Change): ChangeRefusal | undefined {
  if (core.role !== 'leader') return 'notLeader';
  if (core.transferee !== undefined) return 'transferring';
  // One at a time: an earlier one is in force here and durable at a majority, and the group's commit index is known.
  if (core.log.applied < core.pendingConfigurationIndex || core.openChange !== undefined || !core.committedInTerm) return 'changePending';
  if (!changed(core.configuration, change)) return 'lastVoter';
  if (change.type !== 'addVoter' || core.configuration.voters.includes(change.id)) return undefined;
  // A voter that holds nothing can cost the group its quorum at once.
  if (!core.configuration.learners.includes(change.id)) return 'notLearner';
  return isCaughtUp(core, change.id) ? undefined : 'notCaughtUp';
}

/** All that `id` lacks fits into one append, and it answered lately. */
function isCaughtUp(core: Core, id: string): boolean {
  const progress = core.progress.get(id);
  if (progress?.state !== 'replicate' || !progress.recentActive) return false;
  const missing = core.log.slice(progress.match + 1, core.log.lastIndex, core.limits.maxAppendBytes);
  return missing?.length === core.log.lastIndex - progress.match;
}

/** Adds the entry of `change` to the leader's log. */
export function proposeChange(core: Core, change: Change): { readonly index: number; readonly term: number } | ChangeRefusal {
  const refusal = refusalOf(core, change);
  if (refusal !== undefined) return refusal;
  const index = appendOwn(core, 'configuration', encode(change));
  core.openChange = index;
  core.appendDue = true;
  return { index, term: core.term };
}

/** Puts the change of a committed configuration entry into force. Never throws: what is committed must be applied by all alike. */
export function applyConfiguration(core: Core, entry: Entry): void {
  core.configuration = changed(core.configuration, decode<Change>(entry.bytes)) ?? core.configuration;
  core.commitOwed = entry.index;
  if (core.role === 'leader') applyAsLeader(core);
  else applyAsFollower(core);
}

function applyAsLeader(core: Core): void {
  for (const id of core.peers) {
    if (core.progress.has(id)) continue;
    const progress = new Progress(core.log.lastIndex + 1, core.limits.window);
    core.progress.set(id, progress);
    ask(core, progress);
  }
  for (const id of core.progress.keys()) if (id !== core.id && !core.peers.includes(id)) core.progress.delete(id);
  if (core.transferee !== undefined && !core.configuration.voters.includes(core.transferee)) core.transferee = undefined;
  if (core.isVoter) {
    advanceCommit(core);
    closeChange(core);
  } else {
    // It must never count itself in a quorum it is not in.
    core.becomeFollower(core.term, undefined);
  }
}

function applyAsFollower(core: Core): void {
  // A candidate that was removed meanwhile must not win.
  if (core.role !== 'follower' && !core.isVoter) core.becomeFollower(core.term, undefined);
  // The leader waits to hear that this member will remember the change.
  if (core.leader !== undefined)
    core.send({ type: 'appendReply', to: core.leader, index: core.log.committed, rejected: false, hintIndex: 0, hintTerm: 0, commit: 0 });
}

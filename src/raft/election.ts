/** Elections: asking for votes, giving them, and refusing to disturb a leader that is heard. */
import type { Core } from './core.ts';
import type { VoteReply, VoteRequest } from './message.ts';
import { voteResult } from './membership/quorum.ts';
import { appendOwn } from './replication.ts';

const noBytes = new Uint8Array(0);

/** True while a live leader is known: votes are then ignored wholly. The base timeout counts, not the one drawn. */
export function inLease(core: Core): boolean {
  return core.leader !== undefined && core.electionElapsed < core.limits.electionTicks;
}

/** Starts an election unless this member may not lead. `transfer`: the leader asked for it, so pre-votes are left out. */
export function campaign(core: Core, transfer: boolean): void {
  if (core.role === 'leader' || !core.isVoter || core.restored) return;
  if (hasUnappliedConfiguration(core)) return;
  if (transfer) requestVotes(core, 'vote', true);
  else requestVotes(core, 'preVote', false);
}

/** A committed configuration that is not in force yet might make this candidacy count the wrong quorum. */
function hasUnappliedConfiguration(core: Core): boolean {
  for (let from = core.log.applied + 1; from <= core.log.committed;) {
    const page = core.log.slice(from, core.log.committed, core.limits.maxApplyBytes) ?? [];
    if (page.some((entry) => entry.kind === 'configuration')) return true;
    from += page.length;
  }
  return false;
}

function requestVotes(core: Core, type: 'preVote' | 'vote', transfer: boolean): void {
  if (type === 'preVote') core.becomePreCandidate();
  else core.becomeCandidate();
  const term = type === 'preVote' ? core.term + 1 : core.term;
  const reply = type === 'preVote' ? 'preVoteReply' : 'voteReply';
  // One's own vote is an answer as well: it counts when the disk has it.
  core.send({ type: reply, to: core.id, term, granted: true, ...core.commitHint });
  const { lastIndex, lastTerm } = core.log;
  for (const to of core.configuration.voters) {
    if (to !== core.id) core.send({ type, to, term, lastIndex, lastTerm, transfer, ...core.commitHint });
  }
}

/** Answers a request of this term or, for a preVote, of any term. Also a learner votes: it may be a voter without knowing. */
export function handleVoteRequest(core: Core, message: VoteRequest): void {
  core.noteCommitHint(message);
  const free = core.vote === message.from || (core.vote === undefined && core.leader === undefined);
  // A member with nothing cannot tell what its group has decided.
  const may = !core.isJoiner && (free || (message.type === 'preVote' && message.term > core.term));
  const granted = may && core.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (granted && message.type === 'vote') {
    core.electionElapsed = 0;
    core.vote = message.from;
  }
  const type = message.type === 'vote' ? 'voteReply' : 'preVoteReply';
  core.send({ type, to: message.from, term: granted ? message.term : core.term, granted, ...core.commitHint });
}

export function handleVoteReply(core: Core, message: VoteReply): void {
  core.noteCommitHint(message);
  const expected = core.role === 'preCandidate' ? 'preVoteReply' : core.role === 'candidate' ? 'voteReply' : undefined;
  if (message.type !== expected) return;
  // A grant that names another term belongs to an earlier candidacy.
  if (message.type === 'preVoteReply' && message.granted && message.term !== core.term + 1) return;
  if (!core.votes.has(message.from)) core.votes.set(message.from, message.granted);
  const result = voteResult(core.configuration.voters, core.votes);
  if (result === 'lost') core.becomeFollower(core.term, undefined);
  if (result !== 'won') return;
  if (core.role === 'preCandidate') {
    requestVotes(core, 'vote', false);
    return;
  }
  // Whoever leads without its own vote on disk could ask for the same term again after a crash, and lead it twice.
  if (!core.votes.has(core.id)) return;
  core.becomeLeader();
  // Entries of earlier terms commit only along with one of this term.
  appendOwn(core, 'normal', noBytes);
  core.appendDue = true;
}

export function tickElection(core: Core): void {
  core.electionElapsed++;
  if (core.electionElapsed < core.electionTimeout || !core.isVoter) return;
  core.electionElapsed = 0;
  campaign(core, false);
}

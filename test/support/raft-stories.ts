/** What stories of a Raft group share: who is in it, what is asked of one member and what it answers. */
import { defaultLimits } from '#raft/core';
import type { Message, VoteRequest } from '#raft/message';
import type { RaftStage } from './raft-stage.ts';

/** Ticks until a member that hears nobody stands for election, at the least. */
export const electionTicks = defaultLimits.electionTicks;
export const group = ['a', 'b', 'c'];

export function voteRequest(type: VoteRequest['type'], from: string, to: string, term: number, more: Partial<VoteRequest> = {}): Message {
  return { type, from, to, term, lastIndex: 9, lastTerm: 9, transfer: false, commit: 0, commitTerm: 0, ...more };
}

/** Answers of the one that `message` is for, once its disk has worked. */
export function answers(stage: RaftStage, message: Message): Message[] {
  stage.step(message);
  while (stage.disk(message.to));
  return stage.hold((one) => one.from === message.to);
}

export function grants(stage: RaftStage, message: Message): boolean[] {
  return answers(stage, message).map((one) => 'granted' in one && one.granted);
}

/** Ticks all of `ids` and lets everything settle, again and again, until `done`. */
export function until(stage: RaftStage, ids: readonly string[], done: () => boolean, what: string): void {
  for (let round = 0; round < 12 * electionTicks; round++) {
    if (done()) return;
    for (const id of ids) stage.tick(id);
    stage.settle();
  }
  stage.equal(done(), true, what);
}

/** `a` leads and has committed nothing in its term yet. */
export function leadsWithoutCommit(stage: RaftStage): void {
  stage.act('a', (raft) => raft.campaign());
  for (let round = 0; round < 4 && stage.status('a').role !== 'leader'; round++) {
    stage.net();
    for (const id of group) while (stage.disk(id));
  }
  stage.is('a', { role: 'leader', committed: 0 });
}

import { expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { defaultLimits } from '#raft/core';
import type { Entry, Message } from '#raft/message';
import { Raft } from '#raft/raft';

function entry(index: number, term: number): Entry {
  return { index, term, kind: 'normal', bytes: Buffer.from(`${index}`) };
}

function follower(entries: readonly Entry[], term: number, vote?: string): Raft {
  const snapshot = { index: 0, term: 0, configuration: { voters: ['a', 'b', 'c'], learners: [] } };
  return new Raft({ id: 'a', incarnation: '1', limits: defaultLimits, random: seededRandom(1) }, { hardState: { term, vote, commit: 0 }, snapshot, entries });
}

/** What `raft` answers to `message` once its disk has done its work. */
function answer(raft: Raft, message: Message): readonly Message[] {
  raft.step(message);
  const { messages, write } = raft.ready();
  return [...messages, ...(write ? raft.appended(write) : [])];
}

test('an empty append of a new leader does not commit the stale tail behind it', () => {
  const raft = follower([entry(1, 1), entry(2, 1), entry(3, 1)], 1);
  answer(raft, { type: 'append', from: 'b', to: 'a', term: 2, prevIndex: 1, prevTerm: 1, entries: [], commit: 3 });
  expect(raft.status()).toMatchObject({ committed: 1, lastIndex: 3 });
});

test('an old, shorter append does not cut off what came after it', () => {
  const raft = follower([], 1);
  const message = { type: 'append', from: 'b', to: 'a', term: 1, prevIndex: 0, prevTerm: 0, commit: 0 } as const;
  answer(raft, { ...message, entries: [entry(1, 1), entry(2, 1)] });
  answer(raft, { ...message, entries: [entry(1, 1)] });
  expect(raft.status().lastIndex).toBe(2);
});

test('one vote per term, remembered over a restart, and only for a log that is as good', () => {
  const request = { type: 'vote', to: 'a', term: 5, lastIndex: 1, lastTerm: 1, transfer: false, commit: 0, commitTerm: 0 } as const;
  const granted = (raft: Raft, from: string, log: { lastIndex: number; lastTerm: number }): unknown =>
    answer(raft, { ...request, ...log, from }).map((one) => 'granted' in one && one.granted);
  const equal = { lastIndex: 1, lastTerm: 1 };
  expect(granted(follower([entry(1, 1)], 5), 'b', equal)).toEqual([true]);
  expect(granted(follower([entry(1, 1)], 5, 'c'), 'b', equal)).toEqual([false]);
  expect(granted(follower([entry(1, 1)], 5, 'b'), 'b', equal)).toEqual([true]);
  expect(granted(follower([entry(1, 1)], 5), 'b', { lastIndex: 0, lastTerm: 0 })).toEqual([false]);
  expect(granted(follower([entry(1, 2)], 5), 'b', { lastIndex: 9, lastTerm: 1 })).toEqual([false]);
});

test('a pre-vote of an older term is refused with the newer term, never met with silence', () => {
  const raft = follower([entry(1, 1)], 7);
  const message = { type: 'preVote', from: 'b', to: 'a', term: 3, lastIndex: 9, lastTerm: 2, transfer: false, commit: 0, commitTerm: 0 } as const;
  expect(answer(raft, message)).toMatchObject([{ type: 'preVoteReply', granted: false, term: 7 }]);
});

test('promises wait for the disk, and a vote is in the write that holds them back', () => {
  const raft = follower([], 1);
  raft.step({ type: 'vote', from: 'b', to: 'a', term: 2, lastIndex: 0, lastTerm: 0, transfer: false, commit: 0, commitTerm: 0 });
  const { messages, write } = raft.ready();
  expect(messages).toEqual([]);
  expect(write).toMatchObject({ hardState: { term: 2, vote: 'b' }, replies: [{ type: 'voteReply', granted: true }] });
});

test('while a leader is heard nobody ends that whom the configuration does not know, whatever he says and of whatever term', () => {
  const from = { from: 'x', to: 'a', term: 9 } as const;
  const asked = { lastIndex: 9, lastTerm: 9, transfer: true, commit: 0, commitTerm: 0 } as const;
  const strange: Message[] = [
    { ...from, type: 'vote', ...asked },
    { ...from, type: 'append', prevIndex: 0, prevTerm: 0, entries: [], commit: 0 },
    { ...from, type: 'heartbeat', commit: 0, readSequence: 0 },
    { ...from, type: 'appendReply', index: 0, rejected: false, hintIndex: 0, hintTerm: 0, commit: 0 },
    { ...from, type: 'voteReply', granted: false, commit: 0, commitTerm: 0 },
  ];
  const heartbeat = { type: 'heartbeat', from: 'b', to: 'a', term: 2, commit: 0, readSequence: 0 } as const;
  for (const message of strange) {
    const raft = follower([], 1);
    answer(raft, heartbeat);
    expect(answer(raft, message), message.type).toEqual([]);
    expect(raft.status(), message.type).toMatchObject({ term: 2, leader: 'b' });
    // One that the configuration knows does, and this one too when nobody is heard any more.
    const other = { ...message, from: 'c' };
    const known = follower([], 1);
    answer(known, heartbeat);
    known.step(other);
    expect(known.status().term, message.type).toBe(9);
    for (let tick = 0; tick < defaultLimits.electionTicks; tick++) raft.tick();
    raft.step(message);
    expect(raft.status().term, message.type).toBe(9);
  }
});

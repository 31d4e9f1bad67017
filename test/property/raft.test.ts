import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from '#raft/message';
import { Log } from '#raft/log';
import { quorumValue, voteResult } from '#raft/membership/quorum';

const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const voters = fc.integer({ min: 1, max: 7 }).map((count) => members.slice(0, count));

/** All subsets, the slow and obvious way. */
function subsets<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((all, item) => [...all, ...all.map((one) => [...one, item])], [[]]);
}

function quorums(group: readonly string[]): string[][] {
  return subsets(group).filter((subset) => subset.length * 2 > group.length);
}

test('the committed index is the best that any quorum shares', () => {
  fc.assert(
    fc.property(voters, fc.array(fc.nat(20), { minLength: 7, maxLength: 7 }), (group, values) => {
      const reached = (id: string): number => values[members.indexOf(id)] ?? 0;
      const slow = Math.max(...quorums(group).map((quorum) => Math.min(...quorum.map(reached))));
      expect(quorumValue(group, reached)).toBe(slow);
    }),
  );
});

test('an election is won by a quorum of grants and lost when none can come any more', () => {
  const answer = fc.constantFrom(true, false, undefined);
  fc.assert(
    fc.property(voters, fc.array(answer, { minLength: 7, maxLength: 7 }), (group, answers) => {
      const votes = new Map(members.flatMap((id, at) => (answers[at] === undefined ? [] : [[id, answers[at]] as const])));
      const won = quorums(group).some((quorum) => quorum.every((id) => votes.get(id) === true));
      const possible = quorums(group).some((quorum) => quorum.every((id) => votes.get(id) !== false));
      expect(voteResult(group, votes)).toBe(won ? 'won' : possible ? 'pending' : 'lost');
    }),
  );
});

/** Entries whose terms never fall, the first at index 1. */
const terms = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 12 }).map((steps) => {
  let term = 1;
  return steps.map((step) => (term += step));
});

function entries(list: readonly number[]): Entry[] {
  return list.map((term, at) => ({ term, index: at + 1, kind: 'normal', bytes: new Uint8Array(1) }));
}

test('accepting a part of a leader’s log leaves exactly what an obvious model leaves', () => {
  fc.assert(
    fc.property(terms, terms, fc.nat(12), fc.nat(12), (own, leader, from, count) => {
      const log = new Log({ index: 0, term: 0 }, entries(own), 0);
      const prevIndex = Math.min(from, leader.length);
      const sent = entries(leader).slice(prevIndex, prevIndex + count);
      const prevTerm = leader[prevIndex - 1] ?? 0;
      const result = log.accept(prevIndex, prevTerm, sent);
      const held = Array.from({ length: log.lastIndex }, (_, at) => log.termAt(at + 1));
      if ((prevIndex === 0 ? 0 : own[prevIndex - 1]) !== prevTerm) {
        expect([result, held]).toEqual([undefined, own]);
        return;
      }
      const conflict = sent.some((entry) => own[entry.index - 1] !== entry.term);
      expect(result).toBe(prevIndex + sent.length);
      expect(held).toEqual(conflict ? [...own.slice(0, prevIndex), ...sent.map((entry) => entry.term)] : own);
      expect(log.stable).toBeLessThanOrEqual(log.lastIndex);
    }),
  );
});

test('the hint never skips a place where two logs agree', () => {
  fc.assert(
    fc.property(terms, terms, fc.nat(12), (own, leader, from) => {
      const log = new Log({ index: 0, term: 0 }, entries(own), 0);
      const other = new Log({ index: 0, term: 0 }, entries(leader), 0);
      const prevIndex = Math.min(from, leader.length);
      const hint = log.hint(prevIndex, other.termAt(prevIndex) ?? 0);
      const next = other.hint(hint.index, hint.term);
      for (let index = next.index + 1; index <= prevIndex; index++) expect(log.termAt(index) === other.termAt(index) && index <= log.lastIndex).toBe(false);
    }),
  );
});

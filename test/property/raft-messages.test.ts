import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '#raft/message';
import { validate } from '#raft/validate';
import { RaftStage } from '#test/support/raft-stage';

const way = { from: 's', to: 'a' };

const number = fc.oneof(fc.nat(12), fc.constantFrom(-1, 1.5, NaN, Infinity, 2 ** 53, '3', null, undefined));
const entry = fc.record(
  { term: number, index: number, kind: fc.constantFrom('normal', 'configuration', 'other', 7), bytes: fc.constantFrom(new Uint8Array(2), 'text', null) },
  { requiredKeys: [] },
);
const names = fc.oneof(fc.array(fc.constantFrom('a', 'b', 'c', 's', 5), { maxLength: 4 }), fc.constant('a'));
const anything = fc.record(
  {
    type: fc.constantFrom(
      'preVote',
      'vote',
      'preVoteReply',
      'voteReply',
      'append',
      'appendReply',
      'heartbeat',
      'heartbeatReply',
      'snapshot',
      'timeoutNow',
      'readIndex',
      'readIndexReply',
      'propose',
      'toString',
      3,
    ),
    from: fc.constantFrom('s', 's', 's', 'b', '', 4),
    to: fc.constantFrom('a', 'a', 'a', 'b', null),
    term: number,
    lastIndex: number,
    lastTerm: number,
    commit: number,
    commitTerm: number,
    transfer: fc.constantFrom(true, false, 'no'),
    granted: fc.constantFrom(true, false, 1),
    prevIndex: number,
    prevTerm: number,
    entries: fc.oneof(fc.array(entry, { maxLength: 3 }), fc.constant('none')),
    index: number,
    rejected: fc.constantFrom(true, false, undefined),
    hintIndex: number,
    hintTerm: number,
    readSequence: number,
    requestId: fc.constantFrom('r', '', 'x'.repeat(300), 9),
    meta: fc.oneof(
      fc.record({ index: number, term: number, configuration: fc.record({ voters: names, learners: names }, { requiredKeys: [] }) }, { requiredKeys: [] }),
      fc.constant(null),
    ),
  },
  { requiredKeys: [] },
);

test('whatever comes over the wire is refused by reason or is a message', () => {
  fc.assert(
    fc.property(fc.oneof(anything, fc.anything()), (value) => {
      const invalid = validate(value, way);
      if (invalid) expect(invalid.invalid).not.toBe('');
      else expect(value).toMatchObject({ from: 's', to: 'a' });
    }),
    { numRuns: 3000 },
  );
});

const index = fc.nat(9);
const valid: fc.Arbitrary<object> = fc.oneof(
  fc.record({ type: fc.constantFrom('preVote', 'vote'), lastIndex: index, lastTerm: index, commit: index, commitTerm: index, transfer: fc.boolean() }),
  fc.record({ type: fc.constantFrom('preVoteReply', 'voteReply'), granted: fc.boolean(), commit: index, commitTerm: index }),
  fc.record({ type: fc.constant('appendReply'), index, rejected: fc.boolean(), hintIndex: index, hintTerm: index, commit: index }),
  fc.record({ type: fc.constant('heartbeat'), commit: index, readSequence: index }),
  fc.record({ type: fc.constant('heartbeatReply'), readSequence: index }),
  fc.record({
    type: fc.constant('snapshot'),
    meta: fc.record({
      index: fc.integer({ min: 1, max: 9 }),
      term: fc.constant(1),
      configuration: fc.constantFrom({ voters: ['a', 'b'], learners: [] }, { voters: ['b'], learners: ['a'] }, { voters: ['b'], learners: [] }),
    }),
  }),
  fc.record({ type: fc.constant('timeoutNow') }),
  fc.record({ type: fc.constant('readIndex'), requestId: fc.constant('1/r') }),
  fc.record({ type: fc.constant('readIndexReply'), requestId: fc.constant('1/r'), index }),
  fc.tuple(index, fc.array(fc.nat(1), { maxLength: 3 })).map(([prevIndex, steps]) => {
    let term = prevIndex === 0 ? 0 : 1;
    const entries = steps.map((step, at) => {
      term = Math.max(1, term + step);
      return { term, index: prevIndex + at + 1, kind: 'normal', bytes: new Uint8Array(1) };
    });
    return { type: 'append', prevIndex, prevTerm: prevIndex === 0 ? 0 : 1, entries, commit: prevIndex };
  }),
);

test('nothing that a stranger can say ends a member, be it leader, follower or newcomer', () => {
  const stage = (): RaftStage => {
    const group = new RaftStage(['a', 'b', 'c']);
    group.elect('b');
    group.propose('b', 'x', 'y');
    group.settle();
    return group;
  };
  fc.assert(
    fc.property(
      fc.array(fc.tuple(valid, fc.integer({ min: 1, max: 5 })), { maxLength: 6 }),
      fc.constantFrom('leader', 'follower', 'newcomer'),
      (list, role) => {
        const group = stage();
        const target = role === 'leader' ? 'b' : role === 'follower' ? 'a' : 'n';
        if (role === 'newcomer') group.newcomer('n');
        const raft = group.raft(target);
        for (const [fields, term] of list) {
          // A newcomer that is told it votes has lost its log: it says so by an error of its own.
          const message = { ...fields, from: 's', to: target, term } as Message;
          if (validate(message, { from: 's', to: target })) continue;
          raft.receive(message, 's');
          const { committed, lastIndex, applied } = raft.status();
          expect(applied <= committed && committed <= lastIndex).toBe(true);
          raft.ready();
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test('each rule of a message is checked', () => {
  const append = { type: 'append', from: 's', to: 'a', term: 3, prevIndex: 4, prevTerm: 2, commit: 0 };
  const e = (term: number, at: number, more: object = {}): object => ({ term, index: at, kind: 'normal', bytes: new Uint8Array(1), ...more });
  const why = (value: unknown, from = 's', to = 'a'): string => validate(value, { from, to })?.invalid ?? 'taken';
  expect(why({ ...append, entries: [e(2, 5), e(3, 6)] })).toBe('taken');
  expect(why({ ...append, entries: [e(2, 6)] })).toMatch(/behind 4 is not the next/);
  expect(why({ ...append, entries: [e(3, 5), e(2, 6)] })).toMatch(/entry 6 has a term out of order/);
  expect(why({ ...append, entries: [e(1, 5)] })).toMatch(/entry 5 has a term out of order/);
  expect(why({ ...append, entries: [e(4, 5)] })).toMatch(/entry 5 has a term out of order/);
  expect(why({ ...append, entries: [e(2, 5, { kind: 'other' })] })).toMatch(/unknown kind/);
  expect(why({ ...append, entries: [e(2, 5, { bytes: 'x' })] })).toMatch(/no bytes/);
  expect(why({ ...append, prevTerm: 4, entries: [] })).toMatch(/prevTerm does not fit/);
  expect(why({ ...append, prevIndex: 0, entries: [] })).toMatch(/prevTerm does not fit/);
  expect(why({ ...append, entries: [] }, 'b')).toMatch(/from somebody else/);
  expect(why({ ...append, entries: [] }, 's', 'b')).toMatch(/for somebody else/);
  expect(why({ ...append, from: 'a', entries: [] }, 'a')).toMatch(/from somebody else/);
  expect(why({ ...append, term: 0, entries: [] })).toMatch(/no term/);
  expect(why({ ...append, type: 'propose' })).toMatch(/unknown type/);
  const snapshot = { type: 'snapshot', from: 's', to: 'a', term: 3 };
  const meta = { index: 4, term: 2, configuration: { voters: ['s'], learners: ['a'] } };
  expect(why({ ...snapshot, meta })).toBe('taken');
  expect(why({ ...snapshot, meta: { ...meta, index: 0 } })).toMatch(/impossible/);
  expect(why({ ...snapshot, meta: { ...meta, term: 4 } })).toMatch(/impossible/);
  expect(why({ ...snapshot, meta: { ...meta, configuration: { voters: [], learners: ['a'] } } })).toMatch(/nobody votes/);
  expect(why({ ...snapshot, meta: { ...meta, configuration: { voters: ['s'], learners: ['s'] } } })).toMatch(/both/);
  expect(why({ ...snapshot, meta: { ...meta, configuration: { voters: ['s', 's'], learners: [] } } })).toMatch(/no configuration/);
});

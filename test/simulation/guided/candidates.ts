/** Stories of candidates: their timeouts, their votes, and who may not be one. */
import { seededRandom } from '#base/random';
import { Amnesia } from '#raft/amnesia';
import { defaultLimits } from '#raft/core';
import { Raft } from '#raft/raft';
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, grants, group, voteRequest } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

export const candidates: readonly Guided[] = [
  {
    name: 'the wait for an election is drawn anew from the base to just below twice of it',
    run(): void {
      const waits = new Set<number>();
      const stage = new RaftStage(group);
      const snapshot = { index: 0, term: 0, configuration: { voters: group, learners: [] } };
      for (let seed = 0; seed < 400; seed++) {
        const raft = new Raft(
          { id: 'a', incarnation: '1', limits: defaultLimits, random: seededRandom(seed) },
          { hardState: { term: 0, vote: undefined, commit: 0 }, snapshot, entries: [] },
        );
        let ticks = 0;
        for (; raft.status().role === 'follower' && ticks < 100; ticks++) raft.tick();
        waits.add(ticks);
      }
      stage.equal(
        [...waits].sort((a, b) => a - b),
        Array.from({ length: e }, (_, at) => e + at),
        'waits',
      );
    },
  },
  {
    name: 'a pre-candidate asks again after each timeout, and a candidate too',
    run(): void {
      const stage = new RaftStage(group);
      stage.isolate('a');
      stage.tick('a', 2 * e - 1);
      stage.hold(() => true);
      stage.tick('a', 2 * e - 1);
      stage.equal(stage.hold((one) => one.type === 'preVote').length >= 2, true, 'asked again');
    },
  },
  {
    name: 'late grants of an earlier candidacy count for nothing, and each voter counts once',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.act('a', (raft) => raft.campaign());
      while (stage.disk('a'));
      stage.hold(() => true);
      const grant = (type: 'preVoteReply' | 'voteReply', from: string, term: number, granted = true): void =>
        stage.step({ type, from, to: 'a', term, granted, commit: 0, commitTerm: 0 });
      grant('preVoteReply', 'b', 1);
      grant('preVoteReply', 'b', 1);
      grant('voteReply', 'c', 0 + 1);
      stage.is('a', { role: 'follower', term: 1 });
      const again = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      again.act('a', (raft) => raft.campaign());
      while (again.disk('a'));
      again.hold(() => true);
      const vote = (type: 'preVoteReply' | 'voteReply', from: string, term: number, granted = true): void =>
        again.step({ type, from, to: 'a', term, granted, commit: 0, commitTerm: 0 });
      vote('preVoteReply', 'b', 1);
      vote('preVoteReply', 'c', 1);
      again.is('a', { role: 'candidate', term: 1 });
      while (again.disk('a'));
      vote('preVoteReply', 'd', 2);
      vote('preVoteReply', 'e', 2);
      again.is('a', { role: 'candidate', term: 1 });
      vote('voteReply', 'b', 1, false);
      vote('voteReply', 'b', 1, true);
      vote('voteReply', 'c', 1, true);
      vote('voteReply', 'c', 1, true);
      again.is('a', { role: 'candidate', term: 1 });
      vote('voteReply', 'd', 1, true);
      again.is('a', { role: 'leader', term: 1 });
    },
  },
  {
    name: 'one’s own vote counts only when it is on the disk',
    run(): void {
      const stage = new RaftStage(['a']);
      stage.slow.add('a');
      stage.act('a', (raft) => raft.campaign());
      stage.is('a', { role: 'preCandidate' });
      stage.disk('a');
      stage.is('a', { role: 'candidate', term: 1 });
      stage.disk('a');
      stage.is('a', { role: 'leader', committed: 0 });
      stage.disk('a');
      stage.is('a', { committed: 1, applied: 1 });
    },
  },
  {
    name: 'a majority of refusals ends a candidacy',
    run(): void {
      const stage = new RaftStage(group);
      stage.act('a', (raft) => raft.campaign());
      while (stage.disk('a'));
      stage.hold(() => true);
      for (const from of ['b', 'c']) stage.step({ type: 'preVoteReply', from, to: 'a', term: 0, granted: false, commit: 0, commitTerm: 0 });
      stage.is('a', { role: 'follower', term: 0 });
    },
  },
  {
    name: 'candidates follow a leader of their term',
    run(): void {
      const beat = { type: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 0, readSequence: 0 } as const;
      const stage = new RaftStage(group);
      stage.act('a', (raft) => raft.campaign());
      while (stage.disk('a'));
      stage.hold(() => true);
      stage.step({ type: 'preVoteReply', from: 'c', to: 'a', term: 1, granted: true, commit: 0, commitTerm: 0 });
      stage.is('a', { role: 'candidate' });
      stage.step(beat);
      stage.is('a', { role: 'follower', leader: 'b', term: 1 });
      const pre = new RaftStage(group);
      pre.act('a', (raft) => raft.campaign());
      pre.step(beat);
      pre.is('a', { role: 'follower', leader: 'b', term: 1 });
    },
  },
  {
    name: 'a learner votes and never asks for votes',
    run(): void {
      const stage = new RaftStage(['a', 'b'], {}, ['l']);
      stage.elect('a');
      stage.tick('l', 10 * e);
      stage.act('l', (raft) => raft.campaign());
      stage.step({ type: 'timeoutNow', from: 'a', to: 'l', term: 1 });
      stage.is('l', { role: 'follower', term: 1 });
      stage.equal(
        stage.hold((one) => one.type === 'preVote' || one.type === 'vote'),
        [],
        'requests',
      );
      stage.equal(grants(stage, voteRequest('vote', 'b', 'l', 2)), [true], 'vote of a learner');
    },
  },
  {
    name: 'a learner’s answers elect nobody and commit nothing',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c'], {}, ['l', 'm', 'n']);
      stage.elect('a');
      stage.cut('a', 'b');
      stage.cut('a', 'c');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('a', { committed: 1, lastIndex: 2 });
      stage.act('a', (raft) => raft.readIndex('r'));
      stage.settle();
      stage.equal(stage.told('a', 'reads'), [], 'reads');
    },
  },
  {
    name: 'nobody campaigns while a committed change of membership is not in force, or a snapshot is not handed out',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.lazy.add('b');
      stage.change('a', 'addLearner', 'd');
      stage.settle();
      stage.is('b', { committed: 2, applied: 1 });
      stage.tick('b', 3 * e);
      stage.is('b', { role: 'follower' });
      stage.lazy.delete('b');
      stage.apply('b');
      stage.tick('b', 2 * e);
      stage.is('b', { role: 'preCandidate' });
    },
  },
  {
    name: 'vote traffic carries the commit index, which counts only where the entry is the same',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('b', { committed: 1, lastIndex: 2 });
      stage.crash('b');
      stage.restart('b');
      stage.step(voteRequest('preVote', 'c', 'b', 2, { commit: 2, commitTerm: 9, lastTerm: 0, lastIndex: 0 }));
      stage.is('b', { committed: 1 });
      stage.step(voteRequest('preVote', 'c', 'b', 2, { commit: 2, commitTerm: 1, lastTerm: 0, lastIndex: 0 }));
      stage.is('b', { committed: 2 });
      stage.act('b', (raft) => raft.campaign());
      stage.equal(
        stage.hold((one) => one.type === 'preVote').map((one) => 'commit' in one && one.commit),
        [2, 2],
        'hint in requests',
      );
    },
  },
  {
    name: 'a member that steps down on demand leads no more, keeps its term, and another takes over',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.listen('a');
      stage.act('a', (raft) => raft.stepDown());
      stage.is('a', { role: 'follower', leader: undefined, term: 1 });
      stage.equal(stage.roles('a'), ['follower t1 -'], 'told');
      stage.equal(
        stage.act('a', (raft) => raft.propose(Buffer.from('x'))),
        'notLeader',
        'proposal',
      );
      stage.tick('b', 2 * e);
      stage.settle();
      stage.is('b', { role: 'leader', term: 2 });
      stage.equal(stage.roles('a'), ['follower t1 -', 'follower t2 -', 'follower t2 b'], 'told');
      stage.act('b', (raft) => raft.forgetLeader());
      stage.is('b', { role: 'leader' });
    },
  },
  {
    name: 'who forgets its leader may vote at once, keeps term and clock, and finds it again by a heartbeat',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.act('b', (raft) => raft.forgetLeader());
      stage.is('b', { leader: undefined, term: 1 });
      stage.equal(grants(stage, voteRequest('preVote', 'c', 'b', 2)), [true], 'pre-vote');
      stage.tick('a', 2);
      stage.settle();
      stage.is('b', { leader: 'a', term: 1 });
    },
  },
  {
    name: 'a disk that knows less than was promised is refused',
    run(): void {
      const stage = new RaftStage(group);
      const snapshot = { index: 4, term: 2, configuration: { voters: group, learners: [] } };
      const open = (term: number, commit: number): string => {
        try {
          const raft = new Raft(
            { id: 'a', incarnation: '1', limits: defaultLimits, random: seededRandom(1) },
            { hardState: { term, vote: undefined, commit }, snapshot, entries: [{ index: 5, term: 3, kind: 'normal', bytes: new Uint8Array(1) }] },
          );
          return `opens at ${raft.status().committed}`;
        } catch (error) {
          return error instanceof Amnesia ? 'amnesia' : 'fails';
        }
      };
      stage.equal([open(3, 5), open(3, 0), open(3, 6), open(2, 5)], ['opens at 5', 'opens at 4', 'amnesia', 'amnesia'], 'starts');
    },
  },
  {
    name: 'a pre-vote granted for an earlier term elects nobody later',
    run(): void {
      const stage = new RaftStage(group);
      stage.isolate('a');
      stage.act('a', (raft) => raft.campaign());
      stage.settle();
      stage.step({ type: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 0, readSequence: 0 });
      stage.act('a', (raft) => raft.forgetLeader());
      stage.act('a', (raft) => raft.campaign());
      stage.settle();
      stage.is('a', { role: 'preCandidate', term: 1 });
      stage.step({ type: 'preVoteReply', from: 'c', to: 'a', term: 1, granted: true, commit: 0, commitTerm: 0 });
      stage.is('a', { role: 'preCandidate', term: 1 });
      stage.step({ type: 'preVoteReply', from: 'c', to: 'a', term: 2, granted: true, commit: 0, commitTerm: 0 });
      stage.is('a', { role: 'candidate', term: 2 });
    },
  },
  {
    name: 'an ordinary election claims no order of the leader, and committed entries that are not applied yet do not forbid one',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.lazy.add('b');
      stage.propose('a', 'x');
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      stage.is('b', { committed: 2, applied: 1 });
      stage.crash('a');
      stage.tick('c', e);
      stage.hold(() => true);
      stage.act('b', (raft) => raft.campaign());
      stage.is('b', { role: 'preCandidate' });
      const asked: boolean[] = [];
      for (let round = 0; round < 4; round++) {
        asked.push(...stage.wire.flatMap((one) => (one.type === 'vote' || one.type === 'preVote' ? [one.transfer] : [])));
        stage.net();
        for (const id of ['b', 'c']) while (stage.disk(id));
      }
      stage.equal(asked.includes(true), false, 'requests that claim an order');
      stage.is('b', { role: 'leader' });
    },
  },
  {
    name: 'a second leadership of one member owes nothing to its first: neither a transfer nor bytes of proposals',
    run(): void {
      const stage = new RaftStage(group, { maxUncommittedBytes: 10 });
      stage.elect('a');
      stage.isolate('a');
      stage.propose('a', '1234567890');
      stage.act('a', (raft) => raft.transferLeadership('c'));
      stage.act('a', (raft) => raft.stepDown());
      stage.join();
      for (const id of ['b', 'c']) stage.tick(id, e);
      stage.hold(() => true);
      stage.elect('a');
      for (const text of ['12345', '12345']) {
        stage.equal(typeof stage.act('a', (raft) => raft.propose(Buffer.from(text))), 'object', 'a proposal');
      }
      stage.equal(
        stage.act('a', (raft) => raft.propose(Buffer.from('1'))),
        'full',
        'one too many',
      );
      stage.settle();
      stage.equal(typeof stage.act('a', (raft) => raft.propose(Buffer.from('1234567890'))), 'object', 'after the commit');
    },
  },
  {
    name: 'a candidate that learns of its own removal gives up',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd']);
      stage.elect('a');
      stage.change('a', 'remove', 'c');
      stage.net();
      for (const id of ['a', 'b', 'd', 'c']) while (stage.disk(id));
      stage.hold((one) => one.from === 'c');
      stage.cut('a', 'c');
      stage.settle();
      stage.is('c', { committed: 1, lastIndex: 2 });
      stage.is('b', { committed: 2 });
      stage.crash('a');
      for (const id of ['b', 'd']) stage.tick(id, e);
      stage.hold(() => true);
      stage.act('c', (raft) => raft.campaign());
      stage.settle();
      stage.is('c', { role: 'follower', committed: 2 });
    },
  },
];

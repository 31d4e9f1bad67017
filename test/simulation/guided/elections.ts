/** Stories of elections: votes, pre-votes, leases, terms, and what each clock does. */
import type { VoteRequest } from '#raft/message';
import { RaftStage } from '#test/support/raft-stage';
import { answers, electionTicks as e, grants, group, voteRequest } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

export const elections: readonly Guided[] = [
  {
    name: 'one vote per term, given again to the same candidate, and remembered over a crash',
    run(): void {
      const stage = new RaftStage(group);
      stage.equal(grants(stage, voteRequest('vote', 'b', 'a', 3)), [true], 'first vote');
      stage.equal(grants(stage, voteRequest('vote', 'c', 'a', 3)), [false], 'second candidate');
      stage.equal(grants(stage, voteRequest('vote', 'b', 'a', 3)), [true], 'a repeated request');
      stage.crash('a');
      stage.restart('a');
      stage.is('a', { term: 3, vote: 'b' });
      stage.equal(grants(stage, voteRequest('vote', 'c', 'a', 3)), [false], 'after a crash');
      stage.equal(grants(stage, voteRequest('vote', 'c', 'a', 4)), [true], 'in a new term');
    },
  },
  {
    name: 'a candidate votes for nobody else in its term',
    run(): void {
      const stage = new RaftStage(group);
      stage.isolate('a');
      stage.act('a', (raft) => raft.campaign());
      stage.settle();
      stage.step({ type: 'preVoteReply', from: 'b', to: 'a', term: 1, granted: true, commit: 0, commitTerm: 0 });
      stage.is('a', { role: 'candidate', term: 1, vote: 'a' });
      stage.settle();
      stage.equal(grants(stage, voteRequest('vote', 'b', 'a', 1)), [false], 'a rival');
      stage.crash('a');
      stage.restart('a');
      stage.equal(grants(stage, voteRequest('vote', 'b', 'a', 1)), [false], 'a rival after a crash');
    },
  },
  {
    name: 'only a log that is as good gets a vote: the last term counts before the length',
    run(): void {
      const ask = (lastTerm: number, lastIndex: number, type: VoteRequest['type'] = 'vote'): boolean[] => {
        const stage = new RaftStage(group);
        stage.elect('a');
        stage.propose('a', 'x');
        stage.settle();
        stage.crash('b');
        stage.restart('b');
        return grants(stage, voteRequest(type, 'c', 'b', 5, { lastTerm, lastIndex }));
      };
      const stage = new RaftStage(group);
      stage.equal([ask(1, 2), ask(1, 3), ask(2, 1)], [[true], [true], [true]], 'as good or better');
      stage.equal([ask(1, 1), ask(0, 0), ask(0, 9)], [[false], [false], [false]], 'worse');
      stage.equal([ask(1, 2, 'preVote'), ask(1, 1, 'preVote')], [[true], [false]], 'pre-votes');
    },
  },
  {
    name: 'pre-votes change nothing at the voter, and may go to several',
    run(): void {
      const stage = new RaftStage(group);
      stage.tick('a', 5);
      stage.equal(grants(stage, voteRequest('preVote', 'b', 'a', 1)), [true], 'first');
      stage.equal(grants(stage, voteRequest('preVote', 'c', 'a', 1)), [true], 'second');
      stage.is('a', { term: 0, vote: undefined, role: 'follower' });
      stage.equal(stage.durable('a').hardState.term, 0, 'term on disk');
      // The clock runs on: granting pre-votes must not put off an own election.
      stage.tick('a', 2 * e - 1 - 5);
      stage.is('a', { role: 'preCandidate', term: 0 });
    },
  },
  {
    name: 'a vote puts off an election of one’s own',
    run(): void {
      const stage = new RaftStage(group);
      stage.tick('a', e - 1);
      stage.equal(grants(stage, voteRequest('vote', 'b', 'a', 1)), [true], 'vote');
      stage.tick('a', e - 1);
      stage.is('a', { role: 'follower' });
      // Also where the term is not new: a worse candidate brought it, and was refused.
      const asked = new RaftStage(group);
      asked.elect('b');
      asked.propose('b', 'x');
      asked.settle();
      asked.crash('a');
      asked.restart('a');
      asked.equal(grants(asked, voteRequest('vote', 'c', 'a', 5, { lastTerm: 0, lastIndex: 0 })), [false], 'a worse candidate');
      asked.tick('a', e - 1);
      asked.equal(grants(asked, voteRequest('vote', 'b', 'a', 5, { lastTerm: 1, lastIndex: 2 })), [true], 'a better one');
      asked.tick('a', e - 1);
      asked.is('a', { role: 'follower', term: 5, vote: 'b' });
    },
  },
  {
    name: 'whoever was cut off keeps its term, and disturbs nobody when it is back',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('c');
      stage.tick('c', 20 * e);
      stage.settle();
      stage.is('c', { term: 1 });
      stage.propose('a', 'x');
      stage.settle();
      stage.join();
      stage.tick('c', 2 * e);
      stage.settle();
      stage.tick('a', 4);
      stage.settle();
      stage.is('a', { role: 'leader', term: 1 });
      stage.is('c', { role: 'follower', leader: 'a', term: 1, committed: 2 });
    },
  },
  {
    name: 'who hears a leader ignores candidates for one base timeout, unless the leader sent them',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.tick('b', e - 1);
      stage.equal(answers(stage, voteRequest('vote', 'c', 'b', 7)), [], 'vote');
      stage.equal(answers(stage, voteRequest('preVote', 'c', 'b', 7)), [], 'pre-vote');
      stage.is('b', { term: 1, leader: 'a' });
      stage.equal(answers(stage, voteRequest('vote', 'c', 'a', 7)), [], 'vote at the leader');
      stage.equal(answers(stage, voteRequest('preVote', 'c', 'a', 7)), [], 'pre-vote at the leader');
      stage.is('a', { term: 1, role: 'leader' });
      stage.equal(grants(stage, voteRequest('vote', 'c', 'b', 2, { transfer: true })), [true], 'sent by the leader');
      const later = new RaftStage(group);
      later.elect('a');
      // The clock of b may run out first: then it asks itself, which ends the lease as well.
      later.tick('b', e);
      later.hold(() => true);
      later.equal(grants(later, voteRequest('preVote', 'c', 'b', 2)), [true], 'after the base timeout');
    },
  },
  {
    name: 'a pre-vote of an older term is refused with the newer one, a heartbeat or append answered with it',
    run(): void {
      const stage = new RaftStage(group);
      stage.step(voteRequest('vote', 'b', 'a', 8));
      while (stage.disk('a'));
      stage.hold(() => true);
      stage.equal(
        answers(stage, voteRequest('preVote', 'c', 'a', 3)).map((one) => [one.type, one.term]),
        [['preVoteReply', 8]],
        'pre-vote',
      );
      stage.equal(answers(stage, voteRequest('vote', 'c', 'a', 3)), [], 'vote');
      const old = { from: 'c', to: 'a', term: 3, commit: 0 } as const;
      stage.equal(
        answers(stage, { ...old, type: 'heartbeat', readSequence: 0 }).map((one) => [one.type, one.term]),
        [['appendReply', 8]],
        'heartbeat',
      );
      stage.equal(
        answers(stage, { ...old, type: 'append', prevIndex: 0, prevTerm: 0, entries: [] }).map((one) => [one.type, one.term]),
        [['appendReply', 8]],
        'append',
      );
      stage.is('a', { term: 8 });
    },
  },
  {
    name: 'a leader of an older term follows as soon as anybody tells it',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('a');
      stage.tick('b', 2 * e);
      stage.tick('c', 2 * e);
      stage.settle();
      stage.is('a', { role: 'leader', term: 1 });
      const leader = stage.status('b').role === 'leader' ? 'b' : 'c';
      stage.is(leader, { role: 'leader' });
      stage.join();
      stage.tick('a', 2);
      stage.settle();
      stage.is('a', { role: 'follower', term: stage.status(leader).term });
      stage.tick(leader, 2);
      stage.settle();
      stage.is('a', { leader });
    },
  },
  {
    name: 'a leader that no majority answers steps down within two base timeouts, in its term; one that a majority answers stays',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd']);
      stage.elect('a');
      stage.cut('a', 'b');
      for (let tick = 0; tick < 4 * e; tick++) {
        stage.tick('a');
        stage.settle();
      }
      stage.is('a', { role: 'leader', term: 1 });
      stage.cut('a', 'c');
      for (let tick = 0; tick < 2 * e; tick++) {
        stage.tick('a');
        stage.settle();
      }
      stage.is('a', { role: 'follower', term: 1, leader: undefined });
    },
  },
  {
    name: 'who knows the leader of a term votes for nobody else in it',
    run(): void {
      const stage = new RaftStage(group);
      stage.isolate('c');
      stage.elect('a');
      stage.join();
      stage.tick('a', 2);
      stage.settle();
      stage.is('c', { term: 1, leader: 'a', vote: undefined });
      stage.equal(grants(stage, voteRequest('vote', 'b', 'c', 1)), [false], 'a rival of the term');
    },
  },
  {
    name: 'who hears heartbeats never campaigns',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      for (let tick = 0; tick < 6 * e; tick++) {
        for (const id of group) stage.tick(id);
        stage.equal(
          stage.wire.filter((one) => one.type === 'preVote' || one.type === 'vote'),
          [],
          'requests',
        );
        stage.settle();
      }
      stage.is('a', { role: 'leader', term: 1 });
    },
  },
  {
    name: 'a pre-vote for the present term is refused like a vote in it',
    run(): void {
      const stage = new RaftStage(group);
      stage.equal(grants(stage, voteRequest('vote', 'b', 'a', 3)), [true], 'vote');
      stage.equal(grants(stage, voteRequest('preVote', 'c', 'a', 3)), [false], 'pre-vote for the same term');
      stage.equal(grants(stage, voteRequest('preVote', 'c', 'a', 4)), [true], 'pre-vote for the next term');
    },
  },
  {
    name: 'nobody leads before its own disk knows the term, though all others have voted: a crash must not let it lead the term twice',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.slow.add('a');
      stage.act('a', (raft) => raft.campaign());
      stage.settle();
      stage.is('a', { role: 'candidate', term: 1 });
      stage.disk('a');
      stage.disk('a');
      stage.is('a', { role: 'leader', term: 1 });
    },
  },
];

/** Stories of members that come and go, and of the snapshots that bring them in. */
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, group, leadsWithoutCommit, until } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

export const membership: readonly Guided[] = [
  {
    name: 'a newcomer takes no entries, asks for a snapshot, and is served behind a compaction too',
    run(): void {
      for (const compacted of [false, true]) {
        const stage = new RaftStage(['a', 'b']);
        stage.elect('a');
        stage.propose('a', 'x');
        stage.settle();
        if (compacted) stage.compact('a');
        stage.newcomer('c');
        stage.listen('a');
        stage.change('a', 'addLearner', 'c');
        stage.settle();
        stage.is('c', { lastIndex: 0, committed: 0, configuration: { voters: [], learners: [] } });
        stage.equal(stage.told('a', 'snapshotWanted').includes('c'), true, 'a newer snapshot is wanted');
        stage.compact('a');
        stage.settle();
        stage.is('c', { committed: 3, configuration: { voters: ['a', 'b'], learners: ['c'] } });
        stage.listen('a');
        stage.tick('a', 2);
        stage.settle();
        stage.equal(stage.told('a', 'snapshotWanted'), [], 'wanted once more');
        stage.propose('a', 'y');
        stage.settle();
        stage.is('c', { lastIndex: 4 });
      }
    },
  },
  {
    name: 'a newcomer whose snapshot was lost gets another; one that is silent gets none',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.newcomer('c');
      stage.change('a', 'addLearner', 'c');
      stage.settle();
      stage.cut('a', 'c');
      stage.compact('a');
      stage.settle();
      stage.is('c', { committed: 0 });
      for (let tick = 0; tick < 3 * e; tick++) {
        stage.tick('a');
        stage.equal(
          stage.wire.filter((one) => one.type === 'snapshot' && tick > 2 * e),
          [],
          'snapshots to the silent',
        );
        stage.settle();
      }
      stage.join();
      until(stage, ['a'], () => stage.status('c').committed === stage.status('a').committed, 'c has all');
    },
  },
  {
    name: 'a voter is made of a learner that holds the log and answers; anybody else is refused by reason',
    run(): void {
      const stage = new RaftStage(['a', 'b'], { maxAppendBytes: 1 });
      stage.elect('a');
      stage.equal(stage.change('a', 'addVoter', 'z'), 'notLearner', 'a stranger');
      stage.equal(stage.change('b', 'addLearner', 'z'), 'notLeader', 'at a follower');
      stage.newcomer('c');
      stage.change('a', 'addLearner', 'c');
      stage.settle();
      stage.equal(stage.change('a', 'addVoter', 'c'), 'notCaughtUp', 'an empty learner');
      stage.compact('a');
      stage.settle();
      stage.cut('a', 'c');
      stage.propose('a', '1', '2', '3');
      stage.settle();
      stage.equal(stage.change('a', 'addVoter', 'c'), 'notCaughtUp', 'a learner that lags');
      stage.join();
      until(stage, ['a'], () => stage.raft('a').progress('c')?.match === stage.status('a').lastIndex, 'c has all');
      stage.equal(typeof stage.change('a', 'addVoter', 'c'), 'number', 'a learner that has all');
      stage.settle();
      stage.is('a', { configuration: { voters: ['a', 'b', 'c'], learners: [] } });
    },
  },
  {
    name: 'one change at a time: the next waits until this one is in force and done',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.slow.add('b');
      stage.slow.add('c');
      const index = stage.change('a', 'addLearner', 'd');
      stage.equal(stage.change('a', 'addLearner', 'e'), 'changePending', 'not committed');
      stage.net();
      stage.disk('a');
      stage.disk('b');
      stage.net();
      stage.is('a', { committed: 2, applied: 2 });
      stage.equal(stage.told('a', 'changesDone'), [], 'done before a majority remembers it');
      stage.equal(stage.change('a', 'addLearner', 'e'), 'changePending', 'not done');
      while (stage.disk('a'));
      stage.equal(stage.told('a', 'changesDone'), [], 'done with one of three');
      stage.slow.clear();
      stage.settle();
      stage.equal(stage.told('a', 'changesDone'), [index], 'done');
      stage.equal(typeof stage.change('a', 'addLearner', 'e'), 'number', 'the next');
    },
  },
  {
    name: 'a change is done although every word about it was lost at first',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      const index = stage.change('a', 'addLearner', 'd');
      stage.net();
      for (const id of group) while (stage.disk(id));
      stage.net();
      stage.is('a', { applied: 2 });
      stage.hold(() => true);
      for (const id of group) while (stage.disk(id));
      stage.hold(() => true);
      stage.equal(stage.told('a', 'changesDone'), [], 'not yet');
      until(stage, ['a'], () => stage.told('a', 'changesDone').includes(index as number), 'done');
    },
  },
  {
    name: 'a new leader changes nothing before it has committed in its term',
    run(): void {
      const stage = new RaftStage(group);
      leadsWithoutCommit(stage);
      stage.equal(stage.change('a', 'addLearner', 'd'), 'changePending', 'too early');
      stage.settle();
      stage.equal(typeof stage.change('a', 'addLearner', 'd'), 'number', 'after the commit');
    },
  },
  {
    name: 'a new leader with an unapplied change in its log lets no second one follow',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.elect('a');
      stage.change('a', 'remove', 'e');
      stage.net();
      for (const id of ['b', 'c']) while (stage.disk(id));
      stage.hold(() => true);
      stage.crash('a');
      stage.lazy.add('b');
      for (const id of ['c', 'd', 'e']) stage.tick(id, e);
      stage.hold(() => true);
      stage.act('b', (raft) => raft.campaign());
      stage.settle();
      stage.is('b', { role: 'leader', committed: 3 });
      stage.equal(stage.status('b').applied < 2, true, 'not applied');
      stage.equal(stage.change('b', 'remove', 'd'), 'changePending', 'a second change');
      stage.lazy.delete('b');
      stage.apply('b');
      stage.turn('b');
      stage.settle();
      stage.equal(typeof stage.change('b', 'remove', 'd'), 'number', 'after it is in force');
    },
  },
  {
    name: 'two become one, and the one that is left finds its quorum again after a crash',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      const index = stage.change('a', 'remove', 'b');
      for (let step = 0; step < 30 && !stage.told('a', 'changesDone').includes(index as number); step++) {
        stage.net();
        stage.disk('b');
        if (!stage.told('a', 'changesDone').includes(index as number)) stage.disk('a');
      }
      stage.equal(stage.told('a', 'changesDone'), [index], 'done');
      stage.crash('b');
      stage.crash('a');
      stage.restart('a');
      until(stage, ['a'], () => stage.status('a').role === 'leader', 'a leads alone');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('a', { configuration: { voters: ['a'], learners: [] }, committed: 4 });
    },
  },
  {
    name: 'the last voter stays, and changes that repeat are harmless',
    run(): void {
      const stage = new RaftStage(['a'], {}, ['l']);
      stage.elect('a');
      stage.equal([stage.change('a', 'remove', 'a'), stage.change('a', 'addLearner', 'a')], ['lastVoter', 'lastVoter'], 'the last voter');
      stage.equal(typeof stage.change('a', 'addVoter', 'a'), 'number', 'a voter again');
      stage.settle();
      stage.equal(typeof stage.change('a', 'remove', 'nobody'), 'number', 'a stranger goes');
      stage.settle();
      stage.is('a', { role: 'leader', configuration: { voters: ['a'], learners: ['l'] } });
    },
  },
  {
    name: 'a leader that is removed or demoted does not count itself, steps down, and never leads again',
    run(): void {
      for (const type of ['remove', 'addLearner'] as const) {
        const stage = new RaftStage(group);
        stage.elect('a');
        stage.change('a', type, 'a');
        stage.propose('a', 'x');
        stage.settle();
        stage.is('a', { role: 'follower', applied: 3 === stage.status('a').applied ? 3 : 2 });
        stage.tick('a', 10 * e);
        stage.act('a', (raft) => raft.campaign());
        stage.is('a', { role: 'follower' });
        until(stage, ['b', 'c'], () => ['b', 'c'].some((id) => stage.status(id).role === 'leader'), 'the others go on');
      }
    },
  },
  {
    name: 'what is in force decides who counts: entries before a removal by the old majority, those after by the new',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd']);
      stage.elect('a');
      stage.isolate('c');
      stage.isolate('d');
      stage.change('a', 'remove', 'd');
      stage.settle();
      // Two of four are no majority.
      stage.is('a', { committed: 1 });
      stage.join();
      stage.isolate('d');
      until(stage, ['a'], () => stage.status('a').committed === 2, 'three of four');
      stage.isolate('c');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('a', { committed: 3 });
    },
  },
  {
    name: 'a member that was removed gets nothing more, is no target of a transfer, and its late answers count for nothing',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.cut('a', 'c');
      stage.act('a', (raft) => raft.transferLeadership('c'));
      stage.hold(() => true);
      stage.tick('a', e);
      stage.settle();
      stage.change('a', 'remove', 'c');
      stage.settle();
      stage.equal(stage.raft('a').progress('c'), undefined, 'progress');
      stage.join();
      stage.tick('a', 2);
      stage.equal(
        stage.wire.map((one) => one.to),
        ['b'],
        'heartbeats',
      );
      stage.settle();
      stage.step({ type: 'appendReply', from: 'c', to: 'a', term: 1, index: 2, rejected: false, hintIndex: 0, hintTerm: 0, commit: 2 });
      stage.equal(
        stage.act('a', (raft) => raft.transferLeadership('c')),
        false,
        'transfer',
      );
    },
  },
  {
    name: 'a transfer ends when its target is demoted',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.lazy.add('a');
      stage.change('a', 'addLearner', 'c');
      stage.settle();
      stage.is('a', { committed: 2, applied: 1 });
      stage.cut('a', 'c');
      stage.act('a', (raft) => raft.transferLeadership('c'));
      stage.hold(() => true);
      stage.lazy.delete('a');
      stage.apply('a');
      stage.turn('a');
      stage.equal(typeof stage.act('a', (raft) => raft.propose(Buffer.from('x'))), 'object', 'a proposal');
    },
  },
  {
    name: 'a promoted member that does not know it yet votes, and the group outlives its leader',
    run(): void {
      const stage = new RaftStage(['a', 'b'], {}, ['c']);
      stage.elect('a');
      stage.propose('a', 'x');
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      stage.lazy.add('c');
      stage.change('a', 'addVoter', 'c');
      stage.settle();
      stage.is('c', { configuration: { voters: ['a', 'b'], learners: ['c'] } });
      stage.crash('a');
      until(stage, ['b', 'c'], () => stage.status('b').role === 'leader', 'b leads with the vote of c');
    },
  },
  {
    name: 'the commit index reaches the disk with the entries it came with: two changes and a torn write elect no second leader',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd']);
      stage.elect('a');
      stage.change('a', 'remove', 'd');
      stage.settle();
      stage.slow.add('b');
      stage.change('a', 'remove', 'c');
      stage.net();
      // b's disk gets one write of this, and no more.
      stage.crash('b', 1);
      stage.restart('b');
      stage.equal(stage.status('b').committed >= 2, true, 'b remembers the first change');
    },
  },
  {
    name: 'a disk with the second change knows that the first is committed',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.elect('a');
      for (const [member, at] of [
        ['e', 2],
        ['d', 3],
      ] as const) {
        stage.equal(stage.change('a', 'remove', member), at, 'change');
        stage.settle();
      }
      const { hardState, entries } = stage.durable('c');
      stage.equal(
        entries.filter((entry) => entry.kind === 'configuration' && entry.index > hardState.commit),
        [],
        'changes not known as committed',
      );
      stage.crash('c');
      stage.restart('c');
      stage.is('c', { configuration: { voters: ['a', 'b', 'c'], learners: [] } });
    },
  },
  {
    name: 'a change is done by the count of the configuration it makes, not of the one before',
    run(): void {
      const stage = new RaftStage(['a'], {}, ['b']);
      stage.elect('a');
      stage.settle();
      stage.lazy.add('a');
      stage.slow.add('b');
      stage.change('a', 'addVoter', 'b');
      stage.net();
      while (stage.disk('a'));
      stage.is('a', { committed: 2, applied: 1 });
      stage.propose('a', 'x');
      while (stage.disk('a'));
      stage.equal(stage.told('a', 'changesDone'), [], 'done before it is in force');
      stage.lazy.delete('a');
      stage.apply('a');
      stage.turn('a');
      stage.equal(stage.told('a', 'changesDone'), [], 'done without b');
      stage.slow.clear();
      stage.settle();
      stage.equal(stage.told('a', 'changesDone'), [2], 'done');
    },
  },
  {
    name: 'a transfer goes on when somebody else comes or goes',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.lazy.add('a');
      stage.change('a', 'addLearner', 'd');
      stage.settle();
      stage.cut('a', 'c');
      stage.act('a', (raft) => raft.transferLeadership('c'));
      stage.hold(() => true);
      stage.lazy.delete('a');
      stage.apply('a');
      stage.turn('a');
      stage.equal(
        stage.act('a', (raft) => raft.propose(Buffer.from('x'))),
        'transferring',
        'a proposal',
      );
    },
  },
];

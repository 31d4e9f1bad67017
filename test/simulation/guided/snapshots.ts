/** Stories of lost disks and of snapshots. */
import { Amnesia } from '#raft/amnesia';
import type { Message } from '#raft/message';
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, group, until } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

export const snapshots: readonly Guided[] = [
  {
    name: 'one that was let go and begins anew gets no snapshot of the time when it had a vote',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.newcomer('c');
      stage.change('a', 'addLearner', 'c');
      stage.settle();
      stage.compact('a');
      stage.settle();
      stage.change('a', 'addVoter', 'c');
      stage.settle();
      stage.compact('a');
      stage.change('a', 'remove', 'c');
      stage.settle();
      stage.newcomer('c');
      stage.listen('a');
      stage.change('a', 'addLearner', 'c');
      until(stage, ['a'], () => stage.told('a', 'snapshotWanted').includes('c'), 'a newer snapshot is wanted');
      stage.is('c', { lastIndex: 0, configuration: { voters: [], learners: [] } });
      stage.compact('a');
      until(stage, ['a'], () => stage.status('c').committed === stage.status('a').committed, 'c has all');
      stage.is('c', { configuration: { voters: ['a', 'b'], learners: ['c'] } });
    },
  },
  {
    name: 'a voter whose disk was wiped does not vote, takes no snapshot under its old id, and says so',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x');
      stage.settle();
      stage.compact('a');
      stage.crash('c');
      stage.newcomer('c');
      stage.step({ type: 'vote', from: 'b', to: 'c', term: 5, lastIndex: 0, lastTerm: 0, transfer: true, commit: 0, commitTerm: 0 });
      while (stage.disk('c'));
      stage.equal(
        stage.hold((one) => one.from === 'c').map((one) => 'granted' in one && one.granted),
        [false],
        'vote',
      );
      let error: unknown;
      try {
        stage.step({ type: 'snapshot', from: 'a', to: 'c', term: 6, meta: stage.raft('a').snapshotMeta() });
      } catch (caught) {
        error = caught;
      }
      stage.equal(error instanceof Amnesia, true, 'amnesia');
    },
  },
  {
    name: 'a heartbeat that proves a loss ends a member; a stranger’s proves nothing',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      const beat = { type: 'heartbeat', to: 'b', term: 1, commit: 99, readSequence: 0 } as const;
      stage.step({ ...beat, from: 'stranger' });
      stage.is('b', { committed: 1 });
      let error: unknown;
      try {
        stage.step({ ...beat, from: 'a' });
      } catch (caught) {
        error = caught;
      }
      stage.equal(error instanceof Amnesia, true, 'amnesia');
      stage.step({ ...beat, from: 'stranger', to: 'a' });
      stage.step({ type: 'append', from: 'stranger', to: 'a', term: 1, prevIndex: 0, prevTerm: 0, entries: [], commit: 0 });
      stage.is('a', { role: 'leader', term: 1 });
    },
  },
  {
    name: 'a snapshot: ignored when old, only a commit where the log has its end, a new beginning otherwise',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.cut('a', 'c');
      stage.propose('a', 'x', 'y', 'z');
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      const reply = (message: Message): unknown[] => {
        stage.step(message);
        while (stage.disk(message.to));
        return stage.hold((one) => one.from === message.to).map((one) => one.type === 'appendReply' && [one.index, one.rejected]);
      };
      stage.compact('a', 1);
      const meta = stage.raft('a').snapshotMeta();
      stage.equal(reply({ type: 'snapshot', from: 'a', to: 'b', term: 1, meta }), [[4, false]], 'old');
      stage.is('b', { committed: 4, firstIndex: 1 });
      const tail = new RaftStage(group);
      tail.elect('a');
      tail.propose('a', 'x', 'y');
      tail.settle();
      tail.is('b', { committed: 1, lastIndex: 3 });
      const half = { index: 2, term: 1, configuration: { voters: group, learners: [] } };
      tail.raft('b').receive({ type: 'snapshot', from: 'a', to: 'b', term: 1, meta: half }, 'a');
      tail.equal([tail.status('b').committed, tail.status('b').lastIndex, tail.status('b').firstIndex], [2, 3, 1], 'the tail stays');
      stage.join();
      stage.equal(reply({ type: 'snapshot', from: 'a', to: 'c', term: 1, meta }), [[4, false]], 'far behind');
      stage.is('c', { committed: 4, firstIndex: 5, lastIndex: 4 });
      stage.crash('c');
      stage.restart('c');
      stage.is('c', { committed: 4, firstIndex: 5 });
    },
  },
  {
    name: 'a snapshot voids what was written before it, and is on the disk before it is acknowledged',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('a');
      stage.propose('a', 'lost1', 'lost2', 'lost3');
      stage.settle();
      until(stage, ['b', 'c'], () => ['b', 'c'].some((id) => stage.status(id).role === 'leader'), 'another leads');
      const leader = stage.status('b').role === 'leader' ? 'b' : 'c';
      stage.propose(leader, 'x', 'y');
      stage.settle();
      stage.compact(leader);
      stage.slow.add('a');
      stage.join();
      until(stage, [leader], () => stage.status('a').committed >= 4, 'a is restored');
      stage.equal(
        stage.wire.filter((one) => one.from === 'a' && one.type === 'appendReply' && one.index >= 4),
        [],
        'acknowledged too early',
      );
      stage.slow.clear();
      stage.settle();
      stage.crash('a');
      stage.restart('a');
      stage.is('a', { lastIndex: 4, committed: 4 });
    },
  },
  {
    name: 'an answer to an older snapshot than the one noted brings the member back, if the log goes on from there',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('c');
      stage.propose('a', 'x', 'y');
      stage.settle();
      stage.compact('a', 1);
      stage.join();
      for (let tick = 0; tick < 4 && stage.raft('a').progress('c')?.state !== 'snapshot'; tick++) {
        stage.tick('a');
        for (let message = stage.hold((one) => one.type !== 'snapshot'); message.length > 0; message = stage.hold((one) => one.type !== 'snapshot')) {
          message.forEach((one) => stage.step(one));
          for (const id of group) while (stage.disk(id));
        }
      }
      stage.equal(stage.raft('a').progress('c')?.state, 'snapshot', 'state');
      stage.hold((one) => one.type === 'snapshot');
      stage.propose('a', 'z');
      stage.equal(
        stage.wire.filter((one) => one.to === 'c' && one.type === 'append'),
        [],
        'appends meanwhile',
      );
      stage.step({ type: 'appendReply', from: 'c', to: 'a', term: 1, index: 2, rejected: false, hintIndex: 0, hintTerm: 0, commit: 1 });
      stage.equal(stage.raft('a').progress('c')?.state, 'replicate', 'state afterwards');
    },
  },
  {
    name: 'a failed snapshot is tried again from what the member has, a sent one goes on behind itself',
    run(): void {
      const make = (): RaftStage => {
        const stage = new RaftStage(group);
        stage.elect('a');
        stage.isolate('c');
        stage.propose('a', 'x', 'y');
        stage.settle();
        stage.compact('a');
        stage.join();
        for (let tick = 0; tick < 3 * e && !stage.wire.some((one) => one.type === 'snapshot'); tick++) {
          stage.tick('a');
          for (let message = stage.hold((one) => one.type !== 'snapshot'); message.length > 0; message = stage.hold((one) => one.type !== 'snapshot')) {
            message.forEach((one) => stage.step(one));
            for (const id of group) while (stage.disk(id));
          }
        }
        stage.hold(() => true);
        return stage;
      };
      const failed = make();
      failed.act('a', (raft) => raft.snapshotSent('c', false));
      failed.equal(failed.raft('a').progress('c'), { state: 'probe', match: 1, next: 2 }, 'after a failure');
      failed.propose('a', 'z');
      failed.equal(
        failed.wire.filter((one) => one.to === 'c'),
        [],
        'before the member speaks',
      );
      until(failed, ['a'], () => failed.status('c').lastIndex === 4, 'c has all');
      const sent = make();
      sent.act('a', (raft) => raft.snapshotSent('c', true));
      sent.equal(sent.raft('a').progress('c'), { state: 'probe', match: 1, next: 4 }, 'after success');
    },
  },
  {
    name: 'a group that was compacted goes on after a crash of all',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x', 'y');
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      for (const id of group) stage.compact(id, id === 'a' ? 0 : 1);
      for (const id of group) stage.crash(id);
      for (const id of group) stage.restart(id);
      until(stage, group, () => group.some((id) => stage.status(id).role === 'leader'), 'a leader');
      const leader = group.find((id) => stage.status(id).role === 'leader') ?? 'a';
      stage.propose(leader, 'z');
      until(stage, [leader], () => group.every((id) => stage.status(id).applied === 5), 'all equal');
    },
  },
  {
    name: 'a member that is silent gets no snapshot until it speaks',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('c');
      for (let tick = 0; tick < 3 * e; tick++) {
        stage.tick('a');
        stage.settle();
      }
      stage.propose('a', 'x');
      stage.settle();
      stage.compact('a');
      stage.act('a', (raft) => raft.unreachable('c'));
      stage.propose('a', 'y');
      stage.equal(
        stage.wire.filter((one) => one.to === 'c'),
        [],
        'messages to the silent',
      );
      stage.join();
      until(stage, ['a'], () => stage.status('c').lastIndex === 3, 'c has all');
    },
  },
  {
    name: 'a snapshot older than what is compacted changes nothing',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x', 'y', 'z');
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      stage.compact('b');
      stage
        .raft('b')
        .receive({ type: 'snapshot', from: 'a', to: 'b', term: 1, meta: { index: 2, term: 1, configuration: { voters: group, learners: [] } } }, 'a');
      stage.is('b', { committed: 4, lastIndex: 4, firstIndex: 5 });
    },
  },
  {
    name: 'a learner that has all but is silent is made no voter',
    run(): void {
      const stage = new RaftStage(['a', 'b'], {}, ['l']);
      stage.elect('a');
      stage.settle();
      stage.isolate('l');
      for (let tick = 0; tick < 2 * e; tick++) {
        stage.tick('a');
        stage.settle();
      }
      stage.equal(stage.change('a', 'addVoter', 'l'), 'notCaughtUp', 'a silent learner');
      stage.join();
      stage.tick('a', 2);
      stage.settle();
      stage.equal(typeof stage.change('a', 'addVoter', 'l'), 'number', 'one that speaks');
    },
  },
  {
    name: 'a member hands on the snapshot that it was given itself',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.elect('a');
      stage.isolate('b');
      stage.isolate('c');
      stage.propose('a', 'x', 'y');
      stage.settle();
      stage.compact('a');
      stage.join();
      stage.isolate('c');
      until(stage, ['a'], () => stage.status('b').committed === 3, 'b has all');
      stage.act('a', (raft) => raft.transferLeadership('b'));
      stage.settle();
      stage.is('b', { role: 'leader', firstIndex: 4 });
      stage.join();
      stage.listen('b');
      until(stage, ['b'], () => stage.status('c').committed === 4, 'c has all');
      stage.equal(stage.told('b', 'snapshotWanted'), [], 'newer snapshots wanted');
    },
  },
  {
    name: 'a newcomer whose snapshot was sent is asked for it, not sent another',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.newcomer('c');
      stage.change('a', 'addLearner', 'c');
      stage.settle();
      stage.compact('a');
      stage.equal(stage.hold((one) => one.type === 'snapshot').length, 1, 'snapshots');
      stage.act('a', (raft) => raft.snapshotSent('c', true));
      stage.step({ type: 'heartbeatReply', from: 'c', to: 'a', term: 1, readSequence: 0 });
      stage.equal(
        stage.wire.flatMap((one) => (one.to === 'c' ? [[one.type, one.type === 'append' && one.prevIndex]] : [])),
        [['append', 2]],
        'messages to the newcomer',
      );
    },
  },
  {
    name: 'a member with a full window behind a compaction gets a snapshot',
    run(): void {
      const stage = new RaftStage(group, { window: { messages: 2, bytes: 1e6 } });
      stage.elect('a');
      stage.cut('a', 'c');
      for (const text of ['1', '2', '3', '4', '5']) {
        stage.propose('a', text);
        stage.settle();
      }
      stage.equal(stage.raft('a').progress('c'), { state: 'replicate', match: 1, next: 4 }, 'progress');
      stage.compact('a');
      stage.join();
      stage.tick('a', 2);
      stage.settle();
      stage.is('c', { committed: 6, firstIndex: 7 });
    },
  },
];

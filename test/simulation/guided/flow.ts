/** Stories of flow: windows, bytes, slow disks, slow state machines, and the transfer of leadership. */
import type { Append, Entry, Message } from '#raft/message';
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, group } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

function entry(index: number, term: number): Entry {
  return { index, term, kind: 'normal', bytes: Buffer.from(`${term}/${index}`) };
}

function isAppend(message: Message): message is Append {
  return message.type === 'append';
}

function appends(stage: RaftStage): Append[] {
  return stage.wire.filter(isAppend);
}

export const flow: readonly Guided[] = [
  {
    name: 'a full window stops appends until answers come, in messages and in bytes; a lost window is found by heartbeats',
    run(): void {
      for (const window of [
        { messages: 2, bytes: 1e6 },
        { messages: 100, bytes: 10 },
      ]) {
        const stage = new RaftStage(['a', 'b'], { window });
        stage.elect('a');
        stage.propose('a', 'first');
        stage.settle();
        for (let turn = 0; turn < 5; turn++) stage.propose('a', 'xxxxx');
        const sent = stage.hold(isAppend);
        stage.equal(sent.length, 2, 'appends under way');
        stage.is('a', { lastIndex: 7, committed: 2 });
        // Lost. The heartbeat's answer brings an empty append, its rejection the place to go on from.
        stage.tick('a', 2);
        stage.settle();
        stage.is('a', { committed: 7 });
        stage.is('b', { lastIndex: 7 });
      }
    },
  },
  {
    name: 'an answer frees just what it acknowledges',
    run(): void {
      const stage = new RaftStage(['a', 'b'], { window: { messages: 2, bytes: 1e6 } });
      stage.elect('a');
      stage.settle();
      for (const text of ['1', '2', '3', '4']) stage.propose('a', text);
      const [first, second] = stage.hold(isAppend) as Append[];
      stage.equal([first?.prevIndex, second?.prevIndex], [1, 2], 'appends');
      stage.step({ type: 'appendReply', from: 'b', to: 'a', term: 1, index: 2, rejected: false, hintIndex: 0, hintTerm: 0, commit: 0 });
      stage.equal(
        appends(stage).map((one) => [one.prevIndex, one.entries.length]),
        [[3, 2]],
        'after the first answer',
      );
    },
  },
  {
    name: 'an append holds no more bytes than allowed, but always one entry',
    run(): void {
      const stage = new RaftStage(['a', 'b'], { maxAppendBytes: 10 });
      stage.elect('a');
      stage.settle();
      stage.propose('a', '12345', '12345', '12345', 'this one is larger than ten', '1', '2');
      stage.equal(
        appends(stage).map((one) => one.entries.length),
        [2, 1, 1, 2],
        'entries in each',
      );
    },
  },
  {
    name: 'a probing member gets one append until it answers',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.act('a', (raft) => raft.unreachable('b'));
      stage.equal(stage.raft('a').progress('b')?.state, 'probe', 'state');
      stage.propose('a', 'one');
      stage.propose('a', 'two');
      stage.equal(stage.hold(isAppend).length, 1, 'appends');
      stage.tick('a', 2);
      stage.settle();
      stage.equal(stage.raft('a').progress('b'), { state: 'replicate', match: 3, next: 4 }, 'progress');
    },
  },
  {
    name: 'a member that has everything and was taken for unreachable gets back without new entries',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.act('a', (raft) => raft.unreachable('b'));
      stage.tick('a', 2);
      stage.settle();
      stage.equal(stage.raft('a').progress('b')?.state, 'replicate', 'state');
      stage.tick('a', 2);
      stage.equal(
        stage.settle().filter((one) => one.type === 'append'),
        [],
        'more appends',
      );
      stage.propose('a', 'x');
      stage.equal(
        stage.settle().filter((one) => one.type === 'append' && one.entries.length === 0),
        [],
        'appends that say nothing',
      );
    },
  },
  {
    name: 'stale rejections and impossible answers change nothing',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'one', 'two');
      stage.settle();
      const before = stage.raft('a').progress('b');
      const reply = { type: 'appendReply', from: 'b', to: 'a', term: 1, hintIndex: 0, hintTerm: 0, commit: 0 } as const;
      stage.step({ ...reply, index: 2, rejected: true });
      stage.step({ ...reply, index: 3, rejected: true });
      stage.equal(stage.raft('a').progress('b'), before, 'a stale rejection');
      stage.step({ ...reply, index: 99, rejected: false });
      stage.equal(stage.raft('a').progress('b'), before, 'an answer beyond the log');
      stage.step({ ...reply, index: 1, rejected: false });
      stage.equal(stage.raft('a').progress('b'), before, 'an old answer');
      stage.equal(stage.hold(isAppend), [], 'appends');
    },
  },
  {
    name: 'reordered and doubled appends leave the log as it is',
    run(): void {
      const stage = new RaftStage(group);
      const message = { type: 'append', from: 'b', to: 'a', term: 1, prevIndex: 0, prevTerm: 0, commit: 0 } as const;
      stage.step({ ...message, entries: [entry(1, 1), entry(2, 1), entry(3, 1)] });
      stage.step({ ...message, entries: [entry(1, 1)] });
      stage.step({ ...message, prevIndex: 1, prevTerm: 1, entries: [entry(2, 1)] });
      stage.is('a', { lastIndex: 3 });
      while (stage.disk('a'));
      stage.equal(
        stage.wire.map((one) => one.type === 'appendReply' && one.index),
        [3, 1, 2],
        'answers',
      );
    },
  },
  {
    name: 'a follower commits what its leader holds, never its own stale tail',
    run(): void {
      const stage = new RaftStage(group);
      const message = { type: 'append', from: 'b', to: 'a', term: 1, prevIndex: 0, prevTerm: 0, commit: 0 } as const;
      stage.step({ ...message, entries: [entry(1, 1), entry(2, 1), entry(3, 1)] });
      stage.slow.add('a');
      const raft = stage.raft('a');
      raft.receive({ ...message, from: 'c', term: 2, prevIndex: 1, prevTerm: 1, entries: [], commit: 3 }, 'c');
      stage.equal(raft.status().committed, 1, 'commit');
    },
  },
  {
    name: 'the old and the new leader’s writes at one place: a slow disk’s report on the first never counts for the second',
    run(): void {
      const stage = new RaftStage(five);
      stage.slow.add('a');
      const append = (from: string, term: number, prev: [number, number], ...entries: Entry[]): Message => ({
        type: 'append',
        from,
        to: 'a',
        term,
        prevIndex: prev[0],
        prevTerm: prev[1],
        entries,
        commit: 0,
      });
      stage.step(append('b', 1, [0, 0], entry(1, 1)));
      stage.step(append('c', 2, [0, 0], entry(1, 2)));
      stage.step(append('d', 3, [0, 0], entry(1, 1)));
      // The disk holds term 1's entry now, and will hold term 2's before it holds term 1's again.
      stage.disk('a');
      const raft = stage.raft('a');
      raft.receive({ type: 'append', from: 'd', to: 'a', term: 3, prevIndex: 1, prevTerm: 1, entries: [], commit: 1 }, 'd');
      stage.equal([raft.status().committed, raft.ready().apply], [1, []], 'applied');
    },
  },
  {
    name: 'a leader commits by two followers while its own disk is slow, and applies only when it has written',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.slow.add('a');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('a', { committed: 2, applied: 1 });
      stage.disk('a');
      stage.is('a', { applied: 2 });
    },
  },
  {
    name: 'a leader’s own copy counts only when its disk has it',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c']);
      stage.elect('a');
      stage.slow.add('a');
      stage.cut('a', 'c');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('a', { committed: 1 });
      stage.disk('a');
      stage.is('a', { committed: 2 });
    },
  },
  {
    name: 'proposals are refused above the limit of bytes, but one always gets through, and room comes back',
    run(): void {
      const stage = new RaftStage(group, { maxUncommittedBytes: 10 });
      stage.elect('a');
      const propose = (text: string): string => {
        const result = stage.act('a', (raft) => raft.propose(Buffer.from(text)));
        return typeof result === 'string' ? result : 'taken';
      };
      stage.equal([propose('far more than ten bytes'), propose('x')], ['taken', 'full'], 'first');
      stage.settle();
      stage.equal([propose('12345'), propose('12345'), propose('1')], ['taken', 'taken', 'full'], 'later');
      stage.settle();
      stage.equal([propose('1234567890'), propose('1')], ['taken', 'full'], 'after both were committed');
      stage.equal(
        stage.act('b', (raft) => raft.propose(Buffer.from('x'))),
        'notLeader',
        'a follower',
      );
    },
  },
  {
    name: 'apply hands out one batch of bounded size at a time, and a late report on an overtaken one is ignored',
    run(): void {
      const stage = new RaftStage(group, { maxApplyBytes: 10 });
      stage.elect('a');
      stage.lazy.add('a');
      stage.propose('a', '12345', '12345', '12345');
      stage.settle();
      stage.is('a', { committed: 4, applied: 1 });
      stage.apply('a');
      stage.is('a', { applied: 3 });
      stage.turn('a');
      stage.apply('a');
      stage.is('a', { applied: 4 });
      stage.act('a', (raft) => raft.applied(2));
      stage.is('a', { applied: 4 });
    },
  },
  {
    name: 'a heartbeat never commits more than its receiver acknowledged',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('c');
      stage.propose('a', 'x', 'y');
      stage.settle();
      stage.tick('a', 2);
      stage.equal(
        stage.wire.map((one) => one.type === 'heartbeat' && [one.to, one.commit]),
        [
          ['b', 3],
          ['c', 1],
        ],
        'heartbeats',
      );
    },
  },
  {
    name: 'transfer: at once to who has all, after catching up to who lacks some; meanwhile nothing is proposed',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      const transfer = (to: string): boolean => stage.act('a', (raft) => raft.transferLeadership(to));
      stage.equal([transfer('a'), transfer('z')], [false, false], 'to itself, to nobody');
      stage.equal(transfer('b'), true, 'to b');
      stage.equal(
        stage.act('a', (raft) => raft.propose(Buffer.from('x'))),
        'transferring',
        'proposal',
      );
      stage.equal(stage.change('a', 'addLearner', 'd'), 'transferring', 'change');
      stage.equal(
        stage.wire.map((one) => one.type),
        ['timeoutNow'],
        'sent',
      );
      stage.settle();
      stage.is('b', { role: 'leader', term: 2 });
      stage.is('a', { role: 'follower', leader: 'b' });
      stage.cut('b', 'c');
      stage.propose('b', 'x');
      stage.settle();
      stage.equal(
        stage.act('b', (raft) => raft.transferLeadership('c')),
        true,
        'to c',
      );
      stage.equal(
        stage.wire.filter((one) => one.type === 'timeoutNow'),
        [],
        'sent too early',
      );
      stage.settle();
      stage.join();
      stage.tick('b', 2);
      stage.settle();
      stage.is('c', { role: 'leader', term: 3 });
    },
  },
  {
    name: 'transfer is given up after one base timeout, moves to another target, and does not put off the check of the quorum',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('c');
      stage.act('a', (raft) => raft.transferLeadership('c'));
      stage.hold(() => true);
      const wait = (ticks: number): void => {
        for (let tick = 0; tick < ticks; tick++) {
          stage.tick('a');
          stage.settle();
        }
      };
      wait(e - 1);
      stage.equal(
        stage.act('a', (raft) => raft.propose(Buffer.from('x'))),
        'transferring',
        'before the timeout',
      );
      wait(1);
      stage.equal(typeof stage.act('a', (raft) => raft.propose(Buffer.from('x'))), 'object', 'after the timeout');
      stage.settle();
      stage.act('a', (raft) => raft.transferLeadership('c'));
      stage.act('a', (raft) => raft.transferLeadership('b'));
      stage.settle();
      stage.is('b', { role: 'leader' });
      const alone = new RaftStage(group);
      alone.elect('a');
      alone.isolate('a');
      for (let tick = 0; tick < 2 * e; tick++) {
        alone.act('a', (raft) => raft.transferLeadership(tick % 2 === 0 ? 'b' : 'c'));
        alone.tick('a');
      }
      alone.is('a', { role: 'follower' });
    },
  },
  {
    name: 'only the leader may tell a follower to campaign, and it needs no pre-vote',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.step({ type: 'timeoutNow', from: 'c', to: 'b', term: 1 });
      stage.is('b', { role: 'follower', term: 1 });
      stage.step({ type: 'timeoutNow', from: 'a', to: 'b', term: 1 });
      stage.is('b', { role: 'candidate', term: 2 });
      stage.equal(
        stage.hold(() => true).map((one) => one.type === 'vote' && one.transfer),
        [true, true],
        'requests',
      );
    },
  },
  {
    name: 'a probe without entries is a probe as well: nothing follows until it is answered',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.act('a', (raft) => raft.unreachable('b'));
      stage.step({ type: 'heartbeatReply', from: 'b', to: 'a', term: 1, readSequence: 0 });
      stage.propose('a', 'x');
      stage.equal(
        appends(stage).map((one) => one.entries.length),
        [0],
        'appends',
      );
    },
  },
];

/** Stories of the log: what is sent, counted, committed, and what slow disks and lost messages do. */
import type { Append, Message } from '#raft/message';
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, group } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

function isAppend(message: Message): message is Append {
  return message.type === 'append';
}

function appends(stage: RaftStage): Append[] {
  return stage.wire.filter(isAppend);
}

export const replication: readonly Guided[] = [
  {
    name: 'Figure 8: an entry of an earlier term is not committed by counting copies, and may still be replaced',
    run(): void {
      const stage = new RaftStage(five, { maxAppendBytes: 1 });
      stage.load({ a: [1, 2], b: [1, 2], c: [1], d: [1], e: [1, 3] }, 3);
      stage.crash('e');
      stage.cut('a', 'd');
      stage.act('a', (raft) => raft.campaign());
      for (let round = 0; round < 4 && stage.status('a').role !== 'leader'; round++) {
        stage.net();
        for (const id of ['a', 'b', 'c']) while (stage.disk(id));
      }
      stage.is('a', { role: 'leader', term: 4 });
      // Entry 2 reaches c, and with it a majority. The entry of term 4 reaches b only.
      for (let round = 0; round < 20 && stage.status('c').lastIndex < 2; round++) {
        stage.hold((one) => one.to === 'c' && isAppend(one) && one.prevIndex === 2 && stage.status('c').lastIndex === 2);
        const next = stage.wire.shift();
        if (next) stage.step(next);
        for (const id of ['a', 'b', 'c']) while (stage.disk(id));
      }
      for (let next = stage.wire.shift(); next; next = stage.wire.shift()) if (next.to === 'a') stage.step(next);
      stage.is('c', { lastIndex: 2 });
      stage.is('a', { committed: 0 });
      // e wins with the newer term of its last entry, and its log replaces the others'.
      stage.crash('a');
      stage.hold(() => true);
      stage.restart('e');
      for (const id of ['b', 'c', 'd']) stage.tick(id, e);
      stage.hold(() => true);
      // The first try only tells it the newer term.
      stage.act('e', (raft) => raft.campaign());
      stage.settle();
      stage.elect('e');
      stage.equal(stage.raft('c').termAt(2), 3, 'entry 2 of c');
    },
  },
  {
    name: 'a commit waits for an entry of the leader’s own term',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('a');
      stage.propose('a', 'old');
      stage.settle();
      stage.crash('a');
      stage.restart('a');
      stage.join();
      // a leads term 2; b acknowledges the old entry and nothing of term 2.
      for (const id of ['b', 'c']) stage.tick(id, e);
      stage.hold(() => true);
      stage.act('a', (raft) => raft.campaign());
      stage.settle();
      const term = stage.status('a').term;
      stage.is('a', { role: 'leader', committed: 3 });
      const other = new RaftStage(group);
      other.elect('a');
      other.isolate('a');
      other.propose('a', 'old');
      other.settle();
      other.join();
      other.act('a', (raft) => raft.stepDown());
      for (const id of ['b', 'c']) other.tick(id, e);
      other.hold(() => true);
      other.act('a', (raft) => raft.campaign());
      for (let round = 0; round < 4 && other.status('a').role !== 'leader'; round++) {
        other.net();
        for (const id of group) while (other.disk(id));
      }
      other.is('a', { role: 'leader', term });
      while (other.disk('a'));
      other.hold(() => true);
      other.step({ type: 'appendReply', from: 'b', to: 'a', term, index: 2, rejected: false, hintIndex: 0, hintTerm: 0, commit: 0 });
      other.is('a', { committed: 1 });
    },
  },
  {
    name: 'the seven logs of the paper: each is found by one probe per term, and overwritten',
    run(): void {
      const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
      const logs = [
        [1, 1, 1, 4, 4, 5, 5, 6, 6],
        [1, 1, 1, 4],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        [1, 1, 1, 4, 4, 4, 4],
        [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
      ];
      for (const terms of logs) {
        const stage = new RaftStage(['a', 'f', 'g']);
        stage.load({ a: leaderTerms, f: terms, g: leaderTerms }, 7);
        stage.crash('f');
        stage.elect('a');
        stage.restart('f');
        stage.tick('a', 2);
        const rejections = stage.settle().filter((one) => one.type === 'appendReply' && one.rejected).length;
        const differing = new Set([...terms, ...leaderTerms]).size;
        stage.equal(rejections <= differing, true, `${rejections} probes for ${terms.join()}`);
        stage.is('a', { role: 'leader', committed: 11 });
        stage.is('f', { lastIndex: 11 });
        stage.equal(
          Array.from({ length: 11 }, (_, at) => stage.raft('f').termAt(at + 1)),
          [...leaderTerms, 8],
          'the follower’s log',
        );
        stage.equal(stage.raft('a').progress('f')?.state, 'replicate', 'state');
      }
    },
  },
  {
    name: 'what is proposed in one turn leaves in one append, and a commit goes along with the next one or a heartbeat',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'one', 'two', 'three');
      stage.equal(
        appends(stage).map((one) => [one.to, one.entries.length]),
        [
          ['b', 3],
          ['c', 3],
        ],
        'appends',
      );
      const after = stage.settle();
      stage.equal(
        after.filter((one) => isAppend(one) && one.entries.length === 0),
        [],
        'appends without entries',
      );
      stage.is('b', { committed: 1 });
      stage.propose('a', 'four');
      stage.net();
      stage.is('b', { committed: 4 });
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      stage.is('b', { committed: 5 });
      stage.is('c', { committed: 5 });
    },
  },
  {
    name: 'answers of one write are one answer',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.slow.add('b');
      stage.propose('a', 'one');
      stage.propose('a', 'two');
      const sent = stage.hold((one) => isAppend(one) && one.to === 'b');
      stage.equal(sent.length, 2, 'appends');
      // Both arrive in one turn.
      for (const message of sent) stage.raft('b').receive(message, 'a');
      stage.turn('b');
      while (stage.disk('b'));
      stage.equal(
        stage.wire.flatMap((one) => (one.type === 'appendReply' ? [[one.to, one.index, one.rejected]] : [])),
        [['a', 3, false]],
        'answers',
      );
    },
  },
  {
    name: 'a long wrong tail is passed by one probe per term, whoever has the higher terms in it',
    run(): void {
      const tail = (term: number): number[] => Array.from({ length: 30 }, () => term);
      for (const [leading, lagging] of [
        [5, 3],
        [1, 4],
      ] as const) {
        const stage = new RaftStage(group);
        stage.load({ a: [1, ...tail(leading)], b: [1, ...tail(leading)], c: [1, ...tail(lagging)] }, 5);
        stage.crash('c');
        stage.elect('a');
        stage.restart('c');
        stage.tick('a', 2);
        const rejections = stage.settle().filter((one) => one.type === 'appendReply' && one.rejected).length;
        stage.equal(rejections <= 3, true, `${rejections} probes`);
        stage.is('c', { lastIndex: 32 });
      }
    },
  },
  {
    name: 'a late append behind a compaction is answered with what is committed, and never taken for a conflict',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x');
      const late = stage.hold((one) => isAppend(one) && one.to === 'b');
      for (const message of late) stage.step(message);
      stage.settle();
      stage.propose('a', 'y', 'z');
      stage.settle();
      stage.tick('a', 2);
      stage.settle();
      stage.compact('b');
      for (const message of late) stage.step(message);
      while (stage.disk('b'));
      stage.equal(
        stage.wire.flatMap((one) => (one.type === 'appendReply' ? [[one.index, one.rejected]] : [])),
        [[4, false]],
        'answers',
      );
      stage.is('b', { committed: 4, lastIndex: 4 });
    },
  },
  {
    name: 'who lacks the end of the log gets the end, not all of it again',
    run(): void {
      const ones = (count: number): number[] => Array.from({ length: count }, () => 1);
      const stage = new RaftStage(group);
      stage.load({ a: ones(25), b: ones(25), c: ones(20) }, 1);
      stage.crash('c');
      stage.elect('a');
      stage.restart('c');
      stage.tick('a', 2);
      const sent = stage.settle().flatMap((one) => (isAppend(one) && one.to === 'c' && one.entries.length > 0 ? [one.prevIndex] : []));
      // The first is the probe.
      stage.equal(sent, [25, 20], 'places of appends with entries');
      stage.is('c', { lastIndex: 26 });
    },
  },
];

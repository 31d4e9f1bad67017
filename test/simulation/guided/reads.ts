/** Stories of linearizable reads: who confirms them, how they end, and which answers fit none. */
import type { HeartbeatReply, Message } from '#raft/message';
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, group, leadsWithoutCommit } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

function read(stage: RaftStage, id: string, request: string): void {
  stage.act(id, (raft) => raft.readIndex(request));
}

function isReply(message: Message): message is HeartbeatReply {
  return message.type === 'heartbeatReply';
}

export const reads: readonly Guided[] = [
  {
    name: 'a read needs a majority that answers after it began; all of one turn share a round',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.elect('a');
      stage.act('a', (raft) => ['r1', 'r2'].forEach((one) => raft.readIndex(one)));
      const beats = stage.hold((one) => one.type === 'heartbeat');
      stage.equal(
        beats.map((one) => one.type === 'heartbeat' && one.readSequence),
        [1, 1, 1, 1],
        'round',
      );
      stage.step(beats[0] as Message);
      stage.net();
      stage.equal(stage.told('a', 'reads'), [], 'one answer of five');
      stage.step(beats[1] as Message);
      stage.net();
      stage.equal(
        stage.told('a', 'reads'),
        [
          { requestId: 'r1', index: 1 },
          { requestId: 'r2', index: 1 },
        ],
        'two answers of five',
      );
    },
  },
  {
    name: 'answers to an earlier round confirm no later read',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      read(stage, 'a', 'r1');
      stage.net();
      const late = stage.hold(() => true);
      stage.equal(late, [], 'wire');
      read(stage, 'a', 'r2');
      stage.hold(() => true);
      stage.listen('a');
      stage.step({ type: 'heartbeatReply', from: 'b', to: 'a', term: 1, readSequence: 1 });
      stage.step({ type: 'heartbeatReply', from: 'c', to: 'a', term: 1, readSequence: 1 });
      stage.equal(stage.told('a', 'reads'), [], 'confirmed by an old round');
      stage.step({ type: 'heartbeatReply', from: 'b', to: 'a', term: 1, readSequence: 99 });
      stage.equal(stage.told('a', 'reads'), [], 'confirmed by a round that never began');
      stage.step({ type: 'heartbeatReply', from: 'b', to: 'a', term: 1, readSequence: 2 });
      stage.equal(stage.told('a', 'reads').length, 1, 'confirmed');
    },
  },
  {
    name: 'a deposed leader’s read is confirmed by nobody: numbers of rounds begin anew and terms must match',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      read(stage, 'a', 'r1');
      const replies: HeartbeatReply[] = [];
      for (const beat of stage.hold((one) => one.type === 'heartbeat')) stage.step(beat);
      replies.push(...(stage.hold(isReply) as HeartbeatReply[]));
      stage.isolate('a');
      stage.tick('b', 2 * e);
      stage.tick('c', 2 * e);
      stage.settle();
      const leader = stage.status('b').role === 'leader' ? 'b' : 'c';
      stage.propose(leader, 'x');
      stage.settle();
      stage.act('a', (raft) => raft.stepDown());
      stage.equal(stage.told('a', 'failedReads'), ['r1'], 'failed');
      stage.act('a', (raft) => raft.readIndex('r2'));
      for (const reply of replies) stage.step(reply);
      stage.equal(stage.told('a', 'reads'), [], 'reads of the old leader');
    },
  },
  {
    name: 'before the first commit of the term a read waits, then it is answered',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x');
      stage.settle();
      stage.crash('a');
      for (const id of ['b', 'c']) stage.tick(id, e);
      stage.hold(() => true);
      stage.slow.add('c');
      stage.slow.add('b');
      stage.act('b', (raft) => raft.campaign());
      for (let step = 0; step < 3; step++) {
        stage.net();
        stage.disk('b');
        stage.disk('c');
      }
      stage.net();
      stage.disk('b');
      stage.is('b', { role: 'leader', committed: 1 });
      read(stage, 'b', 'r1');
      for (const one of stage.hold((message) => message.type === 'heartbeat')) stage.step(one);
      stage.hold(isReply).forEach((one) => stage.step(one));
      stage.equal(stage.told('b', 'reads'), [], 'too early');
      stage.slow.clear();
      stage.settle();
      stage.equal(stage.told('b', 'reads'), [{ requestId: 'r1', index: 3 }], 'after the commit');
    },
  },
  {
    name: 'a lone voter reads at once, but not before it has committed in its term',
    run(): void {
      const stage = new RaftStage(['a']);
      read(stage, 'a', 'r0');
      stage.equal(stage.told('a', 'failedReads'), ['r0'], 'without a leader');
      stage.slow.add('a');
      stage.act('a', (raft) => raft.campaign());
      stage.disk('a');
      stage.disk('a');
      stage.is('a', { role: 'leader' });
      read(stage, 'a', 'r1');
      stage.equal(stage.told('a', 'reads'), [], 'too early');
      stage.disk('a');
      stage.equal(stage.told('a', 'reads'), [{ requestId: 'r1', index: 1 }], 'after the commit');
      read(stage, 'a', 'r2');
      stage.equal(stage.told('a', 'reads').length, 2, 'at once');
    },
  },
  {
    name: 'every read ends within one base timeout: at the leader, early, or forwarded; nobody else’s is called failed',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('a');
      read(stage, 'a', 'own');
      stage.act('a', (raft) => raft.receive({ type: 'readIndex', from: 'b', to: 'a', term: 1, requestId: '1/foreign' }, 'b'));
      stage.tick('a', e - 1);
      stage.equal(stage.told('a', 'failedReads'), [], 'before the timeout');
      stage.tick('a');
      stage.equal(stage.told('a', 'failedReads'), ['own'], 'at the leader');
      stage.listen('b');
      read(stage, 'b', 'lost');
      stage.hold(() => true);
      stage.tick('b', e - 1);
      stage.equal(stage.told('b', 'failedReads'), [], 'forwarded, before');
      stage.tick('b');
      stage.equal(stage.told('b', 'failedReads'), ['lost'], 'forwarded');
      const early = new RaftStage(group);
      early.elect('a');
      early.act('a', (raft) => raft.receive({ type: 'readIndex', from: 'b', to: 'a', term: 1, requestId: '1/foreign' }, 'b'));
      early.act('a', (raft) => raft.stepDown());
      early.equal(early.told('a', 'failedReads'), [], 'of others');
    },
  },
  {
    name: 'an early read ends as well when the term never commits',
    run(): void {
      const stage = new RaftStage(group);
      leadsWithoutCommit(stage);
      stage.isolate('a');
      stage.hold(() => true);
      read(stage, 'a', 'r1');
      stage.tick('a', e);
      stage.equal(stage.told('a', 'failedReads'), ['r1'], 'failed');
    },
  },
  {
    name: 'an answer to a read of an earlier life fits none of this one',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      read(stage, 'b', 'r1');
      stage.hold(() => false);
      const asked = stage.wire.find((one) => one.type === 'readIndex');
      stage.net();
      stage.crash('b');
      stage.restart('b');
      stage.tick('a', 2);
      stage.settle();
      read(stage, 'b', 'r1');
      stage.hold(() => true);
      const old = asked?.type === 'readIndex' ? asked.requestId : '';
      stage.step({ type: 'readIndexReply', from: 'a', to: 'b', term: 1, requestId: old, index: 0 });
      stage.equal(stage.told('b', 'reads'), [], 'answered by an old reply');
    },
  },
  {
    name: 'of five, who asks the leader confirms the read with one other; a learner does not',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd', 'e']);
      stage.elect('a');
      read(stage, 'b', 'r1');
      const [asked] = stage.hold((one) => one.type === 'readIndex');
      stage.step(asked as Message);
      const beats = stage.hold((one) => one.type === 'heartbeat');
      stage.net();
      stage.equal(stage.told('b', 'reads'), [], 'two of five');
      stage.step(beats.find(({ to }) => to === 'c') as Message);
      stage.net();
      stage.equal(stage.told('b', 'reads'), [{ requestId: 'r1', index: 1 }], 'three of five');
      const three = new RaftStage(group, {}, ['l']);
      three.elect('a');
      read(three, 'l', 'r2');
      const [learned] = three.hold((one) => one.type === 'readIndex');
      three.step(learned as Message);
      three.hold((one) => one.type === 'heartbeat');
      three.net();
      three.equal(three.told('l', 'reads'), [], 'a learner by its own word');
    },
  },
  {
    name: 'of three, a forwarded read needs nobody else, and brings what is committed',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x');
      stage.settle();
      stage.cut('a', 'c');
      read(stage, 'b', 'r1');
      stage.settle();
      stage.equal(stage.told('b', 'reads'), [{ requestId: 'r1', index: 2 }], 'reads');
      stage.is('b', { committed: 2 });
    },
  },
  {
    name: 'a forwarded read is answered once, at the leader’s commit index',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.propose('a', 'x');
      stage.settle();
      read(stage, 'b', 'r1');
      const [asked] = stage.wire;
      stage.settle();
      stage.step(asked as Message);
      stage.settle();
      stage.equal(stage.told('b', 'reads'), [{ requestId: 'r1', index: 2 }], 'reads');
      stage.is('b', { committed: 2 });
      stage.equal(stage.told('a', 'reads'), [], 'reads of a');
    },
  },
  {
    name: 'reads above the limit fail at once, and a forgotten leader fails what was sent to it',
    run(): void {
      const stage = new RaftStage(group, { maxReads: 2 });
      stage.elect('a');
      for (const one of ['r1', 'r2', 'r3']) read(stage, 'a', one);
      stage.equal(stage.told('a', 'failedReads'), ['r3'], 'at the leader');
      for (const one of ['s1', 's2', 's3']) read(stage, 'b', one);
      stage.equal(stage.told('b', 'failedReads'), ['s3'], 'at a follower');
      stage.act('b', (raft) => raft.forgetLeader());
      stage.equal(stage.told('b', 'failedReads'), ['s3', 's1', 's2'], 'after forgetting');
      read(stage, 'b', 's4');
      stage.equal(stage.told('b', 'failedReads').at(-1), 's4', 'without a leader');
    },
  },
  {
    name: 'reads that wait are counted anew when the configuration changes',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd']);
      stage.elect('a');
      stage.slow.add('a');
      stage.change('a', 'remove', 'd');
      stage.settle();
      while (stage.disk('a'));
      stage.settle();
      // d is removed by b and c; a heartbeat round reaches b only, which is enough for three but not for four.
      const four = new RaftStage(['a', 'b', 'c', 'd']);
      four.elect('a');
      four.lazy.add('a');
      four.change('a', 'remove', 'd');
      four.settle();
      four.is('a', { committed: 2, applied: 1 });
      four.cut('a', 'c');
      four.cut('a', 'd');
      read(four, 'a', 'r1');
      four.settle();
      four.equal(four.told('a', 'reads'), [], 'two of four');
      four.apply('a');
      four.turn('a');
      four.equal(four.told('a', 'reads').length, 1, 'two of three');
    },
  },
  {
    name: 'a lost round is asked again by the next heartbeat',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      read(stage, 'a', 'r1');
      stage.hold(() => true);
      stage.tick('a', 2);
      stage.settle();
      stage.equal(stage.told('a', 'reads').length, 1, 'reads');
    },
  },
];

/** Stories of what comes together in one turn, and of what a change of membership or of leaders leaves behind. */
import type { Append } from '#raft/message';
import { RaftStage } from '#test/support/raft-stage';
import { electionTicks as e, group } from '#test/support/raft-stories';
import type { Guided } from '../tier.ts';

function append(from: string, term: number, entryTerms: readonly number[], more: Partial<Append> = {}): Append {
  const entries = entryTerms.map((one, at) => ({ term: one, index: at + 1, kind: 'normal' as const, bytes: Uint8Array.of(one) }));
  return { type: 'append', from, to: 'b', term, prevIndex: 0, prevTerm: 0, entries, commit: 0, ...more };
}

/** What `b` answers to appends that came in one turn: whom, in which term, up to where. */
function accepted(...appends: readonly Append[]): string[] {
  const stage = new RaftStage(group);
  stage.act('b', (raft) => {
    for (const one of appends) raft.step(one);
  });
  while (stage.disk('b'));
  return stage.wire.flatMap((one) => (one.type === 'appendReply' ? [`${one.to} t${one.term} ${one.index}`] : []));
}

export const turns: readonly Guided[] = [
  {
    name: 'answers of one write to leaders of two terms stay apart',
    run(): void {
      const stage = new RaftStage(group);
      stage.equal(accepted(append('a', 1, [1, 1, 1]), append('a', 2, [1, 2])), ['a t1 3', 'a t2 2'], 'one leader in two terms');
      stage.equal(accepted(append('c', 2, [1, 2]), append('a', 1, [1, 1, 1])), ['c t2 2', 'a t2 0'], 'a leader, and one that was');
      stage.equal(accepted(append('a', 1, [1]), append('a', 1, [1, 1, 1])), ['a t1 3'], 'one leader in one term');
    },
  },
  {
    name: 'a snapshot that is not handed out yet forbids a campaign',
    run(): void {
      const stage = new RaftStage(group);
      stage.isolate('b');
      stage.elect('a');
      stage.propose('a', 'x', 'y');
      stage.settle();
      stage.compact('a');
      stage.join();
      stage.tick('a', 4);
      for (let round = 0; round < 9 && !stage.wire.some(({ type }) => type === 'snapshot'); round++) {
        const [message] = stage.wire.splice(0, 1);
        if (message) stage.step(message);
        for (const id of group) while (stage.disk(id));
      }
      const [snapshot] = stage.hold(({ type }) => type === 'snapshot');
      stage.equal(snapshot?.to, 'b', 'a snapshot for b');
      if (snapshot) stage.step(snapshot, (raft) => raft.campaign());
      stage.is('b', { role: 'follower', committed: 3 });
    },
  },
  {
    name: 'a change that is in force counts anew what was held before it, and is done, though nothing else happens',
    run(): void {
      const stage = new RaftStage(['a', 'b']);
      stage.elect('a');
      stage.lazy.add('a');
      const index = stage.change('a', 'remove', 'b');
      const change = stage.hold(({ type }) => type === 'append');
      stage.propose('a', 'x');
      stage.hold(({ type }) => type === 'append');
      for (const message of change) stage.step(message);
      while (stage.disk('a') || stage.disk('b'));
      stage.net();
      stage.is('a', { committed: 2, applied: 1 });
      // This write takes the commit index along: none is owed when the change comes into force.
      stage.propose('a', 'y');
      while (stage.disk('a'));
      stage.hold(() => true);
      stage.lazy.delete('a');
      stage.apply('a');
      stage.turn('a');
      stage.equal([stage.told('a', 'changesDone'), stage.status('a').committed], [[index], 4], 'done and committed');
    },
  },
  {
    name: 'a change behind a page of other entries forbids a campaign as well',
    run(): void {
      const stage = new RaftStage(group, { maxApplyBytes: 1 });
      stage.elect('a');
      stage.lazy.add('b');
      stage.propose('a', 'x', 'y');
      stage.settle();
      stage.change('a', 'addLearner', 'd');
      stage.settle();
      stage.is('b', { committed: 4, applied: 1 });
      stage.tick('b', 3 * e);
      stage.is('b', { role: 'follower' });
    },
  },
  {
    name: 'a change of an earlier leadership is not told as done by a later one',
    run(): void {
      const stage = new RaftStage(group);
      stage.elect('a');
      stage.isolate('a');
      stage.equal(stage.change('a', 'addLearner', 'd'), 2, 'a change that nobody hears of');
      for (const id of ['b', 'c']) stage.tick(id, e);
      stage.hold(() => true);
      stage.elect('b');
      stage.propose('b', 'x');
      stage.settle();
      stage.join();
      stage.tick('b', 4);
      stage.settle();
      stage.is('a', { role: 'follower', committed: 3 });
      stage.act('b', (raft) => raft.transferLeadership('a'));
      stage.settle();
      stage.is('a', { role: 'leader', committed: 4 });
      stage.equal([stage.told('a', 'changesDone'), stage.change('a', 'addLearner', 'e')], [[], 5], 'told as done, and the next');
    },
  },
  {
    name: 'learners that answer do not keep a leader in office',
    run(): void {
      const stage = new RaftStage(group, {}, ['d', 'e', 'f']);
      stage.elect('a');
      for (const id of ['b', 'c']) stage.cut('a', id);
      for (let tick = 0; tick < 2 * e; tick++) {
        stage.tick('a');
        stage.settle();
      }
      stage.is('a', { role: 'follower', term: 1 });
    },
  },
  {
    name: 'a learner is handed no leadership',
    run(): void {
      const stage = new RaftStage(group, {}, ['d']);
      stage.elect('a');
      stage.equal(
        ['d', 'b'].map((id) => stage.act('a', (raft) => raft.transferLeadership(id))),
        [false, true],
        'a learner, and a voter',
      );
    },
  },
  {
    name: 'the vote of a member that was removed meanwhile counts for nothing',
    run(): void {
      const stage = new RaftStage(['a', 'b', 'c', 'd']);
      stage.elect('a');
      stage.cut('a', 'd');
      stage.change('a', 'remove', 'd');
      stage.net();
      for (const id of ['a', 'b', 'c']) while (stage.disk(id));
      stage.cutOneWay('a', 'c');
      stage.propose('a', 'x');
      stage.settle();
      stage.is('b', { lastIndex: 3 });
      stage.is('c', { committed: 1, lastIndex: 2 });
      stage.crash('a');
      for (const id of ['b', 'd']) stage.tick(id, e);
      stage.hold(() => true);
      stage.act('c', (raft) => raft.campaign());
      // The refusal of b tells that the change is committed; then d grants.
      const asked = stage.hold(({ to }) => to === 'd');
      stage.settle();
      for (const message of asked) stage.step(message);
      stage.settle();
      stage.is('c', { role: 'preCandidate', committed: 2 });
    },
  },
];

/** Stories of managers that come and go while others write. */
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { createConfig } from '#control/configs';
import { Violation, type Guided } from '#test/simulation/tier';
import { testDescription } from '../memory-cluster.ts';
import { DriverWorld, type Machine } from './driver-world.ts';

function demand(condition: unknown, check: string, message: string): asserts condition {
  if (!condition) throw new Violation(check, message);
}

/** What became of `asked` within `limitMs`: `done`, why it was refused, or `no answer`. */
async function toldOf(world: DriverWorld, asked: Promise<unknown> | undefined, limitMs = 10_000): Promise<string> {
  let told = 'no answer';
  void asked?.then(
    () => (told = 'done'),
    (error: unknown) => (told = error instanceof Refusal ? error.message : String(error)),
  );
  for (const end = world.time.now + limitMs; told === 'no answer' && world.time.now < end;) await world.run(50);
  return told;
}

async function until(world: DriverWorld, holds: () => boolean, check: string): Promise<void> {
  for (const end = world.time.now + 20_000; !holds();) {
    demand(world.time.now < end, check, 'not within 20 s');
    await world.run(50);
  }
}

const voters = ({ seat }: Machine): string =>
  (seat?.standing()?.members ?? [])
    .filter(({ voter }) => voter)
    .map(({ id }) => id)
    .join();

export const memberScripts: readonly Guided[] = [
  {
    name: 'a manager joins behind a compaction, votes by itself, and stands in for one that is lost and removed',
    run: async () => {
      const world = new DriverWorld(11, { nodes: 4, snapshotEntries: 10, keptEntries: 2 });
      const [m1, m2, m3, joiner] = world.machines as [Machine, Machine, Machine, Machine];
      for (const machine of [m1, m2, m3]) world.start(machine, ['m1', 'm2', 'm3']);
      await world.begin(() => initCluster({ nodeId: 'node-1', address: '', description: testDescription }));
      for (let at = 0; at < 30; at++) await world.writesAgain(createConfig({ Name: `c${at}`, Data: 'eA==' }));
      world.start(joiner, []);
      const leader = world.leader() as Machine;
      const joined = await toldOf(world, leader.seat?.addManager({ id: joiner.id, address: 'm4:1' }));
      demand(joined === 'done', 'a manager joins', joined);
      await until(world, () => voters(leader) === 'm1,m2,m3,m4', 'a learner that holds the log votes');
      await world.converge();
      world.kill(leader);
      await until(world, () => (world.leader() ?? leader) !== leader, 'another leads');
      const next = world.leader() as Machine;
      const removed = await toldOf(world, next.seat?.removeManager(leader.id));
      demand(removed === 'done', 'a lost manager is removed', removed);
      // Two of three are enough now; of four they would not be.
      world.kill(world.machines.find((machine) => machine.life.alive && machine !== next) as Machine);
      await world.writesAgain(createConfig({ Name: 'two-of-three', Data: 'eA==' }));
    },
  },
  {
    name: 'a removal that would cost the quorum is refused, and the last manager stays',
    run: async () => {
      const world = new DriverWorld(11, { nodes: 3, snapshotEntries: 1000, keptEntries: 10 });
      for (const machine of world.machines) world.start(machine);
      await world.begin(() => initCluster({ nodeId: 'node-1', address: '', description: testDescription }));
      const leader = world.leader() as Machine;
      const [one, other] = world.machines.filter((machine) => machine !== leader) as [Machine, Machine];
      world.kill(other);
      // Longer than silence is taken for a pause.
      await world.run(5000);
      const refused = await toldOf(world, leader.seat?.removeManager(one.id));
      demand(refused.includes('loss of quorum'), 'the quorum is kept', `the removal of one of two that answer: ${refused}`);
      const removed = await toldOf(world, leader.seat?.removeManager(other.id));
      demand(removed === 'done', 'who is lost may go', removed);
      const handed = await toldOf(world, leader.seat?.removeManager(leader.id));
      demand(
        handed !== 'done' && !leader.seat?.leads(),
        'a leader that goes hands over first',
        `${handed}, and it ${leader.seat?.leads() ? 'leads on' : 'leads no more'}`,
      );
      await world.writesAgain(createConfig({ Name: 'goes-on', Data: 'eA==' }));
      const left = voters(world.leader() as Machine);
      demand(left.split(',').includes(leader.id), 'the next leader is asked', `whoever handed over is gone already: ${left} vote`);
    },
  },
];

/** Managers that come and go, on virtual clock, wire and disk. */
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { createConfig } from '#control/configs';
import { Members, type MembersParts } from '#replica/group/members';
import { DriverWorld, type Machine } from '#test/support/driver/driver-world';
import { testDescription } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';

async function settled<T>(world: DriverWorld, work: Promise<T>): Promise<T> {
  let done = false;
  const end = (): void => void (done = true);
  work.then(end, end);
  for (let rounds = 0; !done && rounds < 1000; rounds++) await world.run(20);
  expect(done, 'it takes more than twenty seconds').toBe(true);
  return await work;
}

async function until(world: DriverWorld, what: () => boolean): Promise<void> {
  for (let rounds = 0; !what() && rounds < 1000; rounds++) await world.run(20);
  expect(what()).toBe(true);
}

/** Three managers with a leader, and machines that are not started. */
async function three(nodes = 4): Promise<{ world: DriverWorld; leader: Machine; others: Machine[]; spare: Machine }> {
  const world = new DriverWorld(1, { nodes, snapshotEntries: 10, keptEntries: 2 });
  const founders = ['m1', 'm2', 'm3'];
  for (const machine of world.machines.slice(0, 3)) world.start(machine, founders);
  await world.begin(() => initCluster({ nodeId: 'node-1', address: '10.0.0.1', description: testDescription }));
  const leader = world.leader() as Machine;
  const others = world.machines.slice(0, 3).filter((machine) => machine !== leader);
  return { world, leader, others, spare: world.machines[3] as Machine };
}

async function write(world: DriverWorld, machine: Machine, count: number, name: string): Promise<void> {
  for (let at = 0; at < count; at++) await settled(world, machine.seat!.submit(createConfig({ Name: `${name}-${at}`, Data: 'eA==' })));
}

const voters = (machine: Machine): string[] => (machine.seat?.standing()?.members ?? []).filter(({ voter }) => voter).map(({ id }) => id);

test('a manager that is added behind a compaction gets the state, catches up, votes by itself, and knows where the others are', async () => {
  const { world, leader, spare } = await three();
  await settled(world, leader.seat!.addManager({ id: leader.id, address: '10.0.0.1:2377' }));
  await write(world, leader, 30, 'before');
  await settled(world, leader.seat!.addManager({ id: 'm4', address: '10.0.0.4:2377' }));
  expect(voters(leader)).toEqual(['m1', 'm2', 'm3']);
  world.start(spare, []);
  await until(world, () => voters(leader).includes('m4'));
  await until(world, () => spare.state?.store.index === leader.state?.store.index && voters(spare).includes('m4'));
  expect(spare.seat?.standing()?.members.find(({ id }) => id === leader.id)?.address).toBe('10.0.0.1:2377');
  // Repeating it is harmless.
  await settled(world, leader.seat!.addManager({ id: 'm4', address: '10.0.0.4:2377' }));
  await settled(world, leader.seat!.removeManager('m4'));
  expect(voters(leader)).toEqual(['m1', 'm2', 'm3']);
  await settled(world, leader.seat!.removeManager('m4'));
});

test('changes that are asked for together are made one after the other', async () => {
  const { world, leader } = await three();
  const all = ['x', 'y', 'z'].map((id) => leader.seat!.addManager({ id, address: `${id}:1` }));
  await settled(world, Promise.all(all));
  expect(leader.seat!.standing()!.members.map(({ id }) => id)).toEqual(['m1', 'm2', 'm3', 'x', 'y', 'z']);
});

test('what would cost the quorum is refused, and so is the last manager', async () => {
  const { world, leader, others } = await three();
  const [one, two] = others as [Machine, Machine];
  world.kill(one);
  await world.run(3000);
  const refusal = await settled(world, leader.seat!.removeManager(two.id)).catch((error: unknown) => error as Refusal);
  expect(refusal).toMatchObject({ code: 'failedPrecondition', message: "can't remove member from the raft: this would result in a loss of quorum" });
  // Who is gone already may be taken out.
  await settled(world, leader.seat!.removeManager(one.id));
  await settled(world, leader.seat!.removeManager(two.id));
  await expect(settled(world, leader.seat!.removeManager(leader.id))).rejects.toThrow('attempting to demote the last manager of the swarm');
  await write(world, leader, 1, 'alone');
});

test('two that are removed together do not cost the quorum that each of them alone leaves', async () => {
  const world = new DriverWorld(1, { nodes: 5, snapshotEntries: 10, keptEntries: 2 });
  for (const machine of world.machines) world.start(machine, ['m1', 'm2', 'm3', 'm4', 'm5']);
  await world.begin(() => initCluster({ nodeId: 'node-1', address: '10.0.0.1', description: testDescription }));
  const leader = world.leader() as Machine;
  const [one, two, ...dead] = world.machines.filter((machine) => machine !== leader) as [Machine, Machine, ...Machine[]];
  await settled(world, leader.seat!.removeManager(dead.pop()!.id));
  world.kill(dead[0] as Machine);
  await world.run(3000);
  const both = Promise.allSettled([one, two].map(({ id }) => leader.seat!.removeManager(id)));
  expect((await settled(world, both)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await write(world, leader, 1, 'after');
});

test('another address of a manager that is removed before it is written holds up no change that comes after', async () => {
  const { world, leader, others } = await three();
  const [one] = others as [Machine];
  const removed = leader.seat!.removeManager(one.id);
  const moved = leader.seat!.addManager({ id: one.id, address: '10.9.9.9:1' }).catch((error: unknown) => error);
  const added = leader.seat!.addManager({ id: 'm4', address: '10.0.0.4:2377' });
  await settled(world, Promise.all([removed, added]));
  expect(await settled(world, moved)).toMatchObject({ code: 'failedPrecondition' });
});

test('a leader that is to go hands over first, and a leader that stops too: nobody waits for an election', async () => {
  const { world, leader } = await three();
  await expect(settled(world, leader.seat!.removeManager(leader.id))).rejects.toMatchObject({ code: 'unavailable' });
  const next = world.leader() as Machine;
  expect(next.id).not.toBe(leader.id);
  const from = world.time.now;
  await settled(world, next.seat!.stop());
  await until(world, () => world.machines.some((machine) => machine !== next && machine.seat?.leads()));
  expect(world.time.now - from).toBeLessThan(400);
});

test('a majority that is gone is said with who is missing, since when and what to do; a follower with a leader misses nobody', async () => {
  const { world, leader, others } = await three();
  await world.run(2000);
  expect(others[0]!.seat!.standing()!.members.every(({ reachable }) => reachable)).toBe(true);
  await settled(world, leader.seat!.addManager({ id: others[0]!.id, address: '10.0.0.2:2377' }));
  for (const machine of others) world.kill(machine);
  await until(world, () => leader.seat!.standing()!.quorumLostAt !== undefined);
  const refused = await settled(world, leader.seat!.read()).catch((error: unknown) => error as Refusal);
  expect(refused).toBeInstanceOf(Refusal);
  expect((refused as Refusal).message).toMatch(/only 1 of 3 managers answer; missing: .*\(10\.0\.0\.2:2377\).*force-new-cluster/);
  expect((refused as Refusal).facts['missing']).toEqual(others.map(({ id }) => id).toSorted());
  for (const machine of others) world.start(machine);
  await until(world, () => world.leader() !== undefined);
  await until(world, () => leader.seat!.standing()!.quorumLostAt === undefined);
});

test('a leader that has just begun and is left alone by the others stops all the same', async () => {
  const { world, leader, others } = await three();
  world.kill(leader);
  const next = (): Machine | undefined => others.find(({ log }) => log?.leads());
  for (let ms = 0; !next() && ms < 10_000; ms++) await world.run(1);
  const alone = next() as Machine;
  for (const machine of others) if (machine !== alone) world.kill(machine);
  await settled(world, alone.seat!.stop());
});

test('another address of a manager is told to all', async () => {
  const { world, leader, others } = await three();
  const [one] = others as [Machine];
  await settled(world, leader.seat!.addManager({ id: one.id, address: '10.9.9.9:1' }));
  await until(world, () => one.seat!.standing()!.members.find(({ id }) => id === one.id)?.address === '10.9.9.9:1');
  expect(voters(leader)).toEqual(['m1', 'm2', 'm3']);
});

test('a member with another address tells the group as soon as it leads, and a leader at once; who votes stays', async () => {
  const { world, leader, others } = await three();
  const at = (machine: Machine, id: string) => machine.seat!.standing()!.members.find((member) => member.id === id)?.address;
  leader.log!.members.movedTo('10.0.0.11:2377');
  await until(world, () => others.every((each) => at(each, leader.id) === '10.0.0.11:2377'));
  const [next, third] = others as [Machine, Machine];
  next.log!.members.movedTo('10.0.0.22:2377');
  await world.run(1000);
  expect(at(leader, next.id)).not.toBe('10.0.0.22:2377');
  world.kill(third);
  const handed = settled(world, leader.seat!.transferLeadership());
  expect(await handed).toBe(true);
  await until(world, () => at(leader, next.id) === '10.0.0.22:2377');
  expect(voters(leader)).toEqual(['m1', 'm2', 'm3']);
});

test('a member alone, whose clock rests, writes its other address as well', async () => {
  const world = new DriverWorld(1, { nodes: 1, snapshotEntries: 10, keptEntries: 2 });
  world.start(world.machines[0] as Machine, ['m1']);
  await world.begin(() => initCluster({ nodeId: 'node-1', address: '10.0.0.1', description: testDescription }));
  const leader = world.leader() as Machine;
  await world.run(1000);
  leader.log!.members.movedTo('10.0.0.11:2377');
  await until(world, () => leader.seat!.standing()!.members[0]?.address === '10.0.0.11:2377');
});

test('a learner that holds the log is asked for as a voter in the turn in which that is known, not with the next tick', () => {
  const proposed: unknown[] = [];
  const status = { role: 'leader', configuration: { voters: ['a'], learners: ['b'] } };
  const proposeChange = (change: unknown) => proposed.push(change) && { index: 7, term: 1 };
  const raft = { status: () => status, proposeChange } as unknown as MembersParts['raft'];
  const parts = { nodeId: 'a', address: '', raft, contacts: {} as never, clock: {} as never, logger: silentLogger, electionMs: 1 };
  const members = new Members({ ...parts, leads: () => true, changed: () => undefined });
  members.turn({ changesDone: [] } as unknown as Parameters<Members['turn']>[0]);
  expect(proposed).toEqual([{ type: 'addVoter', id: 'b' }]);
});

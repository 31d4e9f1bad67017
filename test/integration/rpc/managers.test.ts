/** Managers over real lines: replica, manager and store as in production, each on a disk of its own, in one process. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { initCluster } from '#control/clusters';
import { createConfig } from '#control/configs';
import { temporaryFolder } from '#test/support/folder';
import { leaderOf, Managers, names, until, voters, type Seat } from '#test/support/managers';
import { testDescription } from '#test/support/memory-cluster';

let managers: Managers;
beforeAll(async () => {
  managers = await Managers.begin();
});
afterEach(() => managers.stop());

test('one manager becomes three, the leader goes, another leads, and whoever comes late or comes back holds everything', async () => {
  const first = await managers.start('a', await temporaryFolder(), undefined);
  await first.seat.submit(initCluster({ nodeId: 'a', address: '127.0.0.1', description: testDescription }));
  // More than one snapshot: who joins now can be given nothing else.
  for (let at = 0; at < 50; at++) await first.seat.submit(createConfig({ Name: `before-${at}`, Data: 'eA==' }));
  const seats = [first];
  const folders: Record<string, string> = {};
  for (const id of ['b', 'c']) {
    folders[id] = await temporaryFolder();
    const joiner = await managers.start(id, folders[id], []);
    seats.push(joiner);
    await first.seat.addManager({ id, address: joiner.door.address });
    await until(() => voters(first).includes(id), `${id} votes`);
  }
  await until(() => seats.every((seat) => names(seat).length === 50), 'all hold what was stored before they came');

  await managers.store(() => seats, 'with-three');
  const leader = leaderOf(seats) as Seat;
  const rest = seats.filter((seat) => seat !== leader);
  const lost = leader.door.address.split(':').at(-1);
  // It says nothing to anybody any more, as if it were dead.
  await leader.door.stop();
  await until(() => leaderOf(rest) !== undefined, 'another leads');
  await managers.store(() => rest, 'without-the-first');
  await until(() => leaderOf([leader]) === undefined, 'the old leader knows');
  await expect(leader.seat.submit(createConfig({ Name: 'unheard', Data: 'eA==' }))).rejects.toMatchObject({ code: 'unavailable' });
  await leader.stop();

  const next = leaderOf(rest) as Seat;
  await next.seat.removeManager(leader.id);
  expect(voters(next)).not.toContain(leader.id);
  const late = await managers.start('d', await temporaryFolder(), [], Number(lost));
  await next.seat.addManager({ id: 'd', address: late.door.address });
  await until(() => voters(late).includes('d') && names(late).length === 52, 'the one that came late holds everything and votes');
  expect(names(late)).toEqual(names(next));
});

test('three managers that all stop and start again go on, and a majority that is gone is named', async () => {
  const folders = { a: await temporaryFolder(), b: await temporaryFolder(), c: await temporaryFolder() };
  const first = await managers.start('a', folders.a, undefined);
  await first.seat.submit(initCluster({ nodeId: 'a', address: '127.0.0.1', description: testDescription }));
  let seats = [first];
  for (const id of ['b', 'c'] as const) {
    const joiner = await managers.start(id, folders[id], []);
    seats.push(joiner);
    await first.seat.addManager({ id, address: joiner.door.address });
    await until(() => voters(first).includes(id), `${id} votes`);
  }
  await managers.store(() => seats, 'kept');
  const ports = seats.map(({ id, door }) => [id as 'a' | 'b' | 'c', Number(door.address.split(':').at(-1))] as const);
  for (const seat of seats) await seat.stop();
  seats = await Promise.all(ports.slice(0, 1).map(([id, port]) => managers.start(id, folders[id], undefined, port)));
  await until(() => seats[0]?.seat.standing()?.quorumLostAt !== undefined, 'it is known that there is no majority');
  const refused = await (seats[0] as Seat).seat.read().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'unavailable', facts: { missing: ['b', 'c'] } });
  for (const [id, port] of ports.slice(1)) seats.push(await managers.start(id, folders[id], undefined, port));
  await managers.store(() => seats, 'again');
  await until(() => seats.every((seat) => names(seat).length === 2), 'all hold both');
});

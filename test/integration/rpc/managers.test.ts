/** Managers over real lines: replica, manager and store as in production, each on a disk of its own, in one process. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '#base/logger';
import { seededRandom } from '#base/random';
import { initCluster } from '#control/clusters';
import { createConfig } from '#control/configs';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { ReplicatedState } from '#replica/state';
import { TestAuthority } from '#test/support/cluster-certificates';
import { temporaryFolder } from '#test/support/folder';
import { testDescription } from '#test/support/memory-cluster';
import { openDoor, type Door } from '#test/support/raft-lines';
import { realClock } from '#test/support/real-clock';

interface Seat {
  readonly id: string;
  readonly door: Door;
  readonly seat: ManagerSeat;
  readonly state: ReplicatedState;
  stop(): Promise<void>;
}

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.begin();
});
const running = new Set<Seat>();
afterEach(async () => {
  for (const seat of [...running].toReversed()) await seat.stop();
});

/** @param founders nobody: it joins a group that knows it */
async function start(id: string, folder: string, founders: readonly string[] | undefined, port = 0): Promise<Seat> {
  const door = await openDoor(authority, id, { port });
  const state = new ReplicatedState();
  const onFatal = (error: unknown): never => {
    throw error;
  };
  const log = new Replica(
    { nodeId: id, address: door.address, snapshotEntries: 20, keptEntries: 2 },
    {
      clock: realClock,
      random: seededRandom(1, `${id}-${door.address}`),
      logger: silentLogger,
      stateMachine: state,
      openStorage: openDisk({ folder, clock: realClock, node: id, reserveBytes: 0 }),
      transport: door.transport,
      ...(founders && { founders }),
      onFatal,
    },
  );
  const seat = new ManagerSeat({}, { log, state, stages, clock: realClock, random: seededRandom(1, id), logger: silentLogger, onFatal });
  await seat.start();
  const one: Seat = {
    id,
    door,
    seat,
    state,
    async stop() {
      running.delete(one);
      await seat.stop();
      await door.stop();
    },
  };
  running.add(one);
  return one;
}

async function until(is: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 50_000; !is();) {
    if (Date.now() > end) throw new Error(`not within 50 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const leaderOf = (seats: readonly Seat[]): Seat | undefined => seats.find(({ seat }) => seat.leads());
const voters = ({ seat }: Seat): string[] => (seat.standing()?.members ?? []).filter(({ voter }) => voter).map(({ id }) => id);

/** Stores a config wherever the leader is by now; asked again under one id it is made once. */
async function store(seats: () => readonly Seat[], name: string): Promise<void> {
  for (const end = Date.now() + 50_000; ;) {
    const stored = await leaderOf(seats())
      ?.seat.submit(createConfig({ Name: name, Data: 'eA==' }), name)
      .then(
        () => true,
        () => false,
      );
    if (stored) return;
    if (Date.now() > end) throw new Error(`${name} is not stored within 50 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const names = ({ state }: Seat): string[] => [...state.store.list('config')].map(({ Spec }) => Spec.Name).toSorted();

test('one manager becomes three, the leader goes, another leads, and whoever comes late or comes back holds everything', async () => {
  const first = await start('a', await temporaryFolder(), undefined);
  await first.seat.submit(initCluster({ nodeId: 'a', address: '127.0.0.1', description: testDescription }));
  // More than one snapshot: who joins now can be given nothing else.
  for (let at = 0; at < 50; at++) await first.seat.submit(createConfig({ Name: `before-${at}`, Data: 'eA==' }));
  const seats = [first];
  const folders: Record<string, string> = {};
  for (const id of ['b', 'c']) {
    folders[id] = await temporaryFolder();
    const joiner = await start(id, folders[id], []);
    seats.push(joiner);
    await first.seat.addManager({ id, address: joiner.door.address });
    await until(() => voters(first).includes(id), `${id} votes`);
  }
  await until(() => seats.every((seat) => names(seat).length === 50), 'all hold what was stored before they came');

  await store(() => seats, 'with-three');
  const leader = leaderOf(seats) as Seat;
  const rest = seats.filter((seat) => seat !== leader);
  const lost = leader.door.address.split(':').at(-1);
  // It says nothing to anybody any more, as if it were dead.
  await leader.door.stop();
  await until(() => leaderOf(rest) !== undefined, 'another leads');
  await store(() => rest, 'without-the-first');
  await until(() => leaderOf([leader]) === undefined, 'the old leader knows');
  await expect(leader.seat.submit(createConfig({ Name: 'unheard', Data: 'eA==' }))).rejects.toMatchObject({ code: 'unavailable' });
  await leader.stop();

  const next = leaderOf(rest) as Seat;
  await next.seat.removeManager(leader.id);
  expect(voters(next)).not.toContain(leader.id);
  const late = await start('d', await temporaryFolder(), [], Number(lost));
  await next.seat.addManager({ id: 'd', address: late.door.address });
  await until(() => voters(late).includes('d') && names(late).length === 52, 'the one that came late holds everything and votes');
  expect(names(late)).toEqual(names(next));
});

test('three managers that all stop and start again go on, and a majority that is gone is named', async () => {
  const folders = { a: await temporaryFolder(), b: await temporaryFolder(), c: await temporaryFolder() };
  const first = await start('a', folders.a, undefined);
  await first.seat.submit(initCluster({ nodeId: 'a', address: '127.0.0.1', description: testDescription }));
  let seats = [first];
  for (const id of ['b', 'c'] as const) {
    const joiner = await start(id, folders[id], []);
    seats.push(joiner);
    await first.seat.addManager({ id, address: joiner.door.address });
    await until(() => voters(first).includes(id), `${id} votes`);
  }
  await store(() => seats, 'kept');
  const ports = seats.map(({ id, door }) => [id as 'a' | 'b' | 'c', Number(door.address.split(':').at(-1))] as const);
  for (const seat of seats) await seat.stop();
  seats = await Promise.all(ports.slice(0, 1).map(([id, port]) => start(id, folders[id], undefined, port)));
  await until(() => seats[0]?.seat.standing()?.quorumLostAt !== undefined, 'it is known that there is no majority');
  const refused = await (seats[0] as Seat).seat.read().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'unavailable', facts: { missing: ['b', 'c'] } });
  for (const [id, port] of ports.slice(1)) seats.push(await start(id, folders[id], undefined, port));
  await store(() => seats, 'again');
  await until(() => seats.every((seat) => names(seat).length === 2), 'all hold both');
});

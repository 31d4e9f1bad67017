/** Requests at managers that do not lead. */
import { request } from 'node:http';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { initCluster } from '#control/clusters';
import { temporaryFolder } from '#test/support/folder';
import { leaderOf, Managers, names, until, voters, type Seat } from '#test/support/managers';
import { testDescription } from '#test/support/memory-cluster';

let managers: Managers;
let seats: Seat[];
beforeAll(async () => {
  managers = await Managers.begin();
});
beforeEach(async () => {
  managers.givesUp = true;
  const first = await managers.start('a', await temporaryFolder(), undefined);
  await first.seat.submit(initCluster({ nodeId: 'a', address: '127.0.0.1', description: testDescription }));
  seats = [first];
  for (const id of ['b', 'c']) {
    const joiner = await managers.start(id, await temporaryFolder(), []);
    seats.push(joiner);
    await first.seat.addManager({ id, address: joiner.door.address });
    await until(() => voters(first).includes(id), `${id} votes`);
  }
  await until(() => seats.every(({ seat }) => seat.standing()?.leader !== undefined), 'all know the leader');
});
afterEach(() => managers.stop());

const config = (Name: string, Data = 'eA==') => ({ Name, Data });
const followers = (): Seat[] => seats.filter(({ seat }) => !seat.leads());

test('a follower answers as the leader does: writes, reads, refusals, large bodies', async () => {
  const [one, two] = followers() as [Seat, Seat];
  const made = await one.http('POST', '/v1.47/configs/create', config('one'));
  expect(made.status).toBe(201);
  const found = await two.http('GET', `/v1.47/configs/${made.json.ID}`);
  expect([found.status, found.json.Spec.Name]).toEqual([200, 'one']);
  expect((await two.http('POST', '/configs/create', config('one'))).status).toBe(409);
  expect((await one.http('GET', '/configs/nobody')).status).toBe(404);
  expect((await one.http('POST', '/configs/create', config('large', Buffer.alloc(490_000, 'l').toString('base64')))).status).toBe(201);
  const tooLarge = config('too-large', Buffer.alloc(20 * 1024 * 1024).toString('base64'));
  const [there, here] = [await (leaderOf(seats) as Seat).http('POST', '/configs/create', tooLarge), await one.http('POST', '/configs/create', tooLarge)];
  expect([here.status, here.json.message]).toEqual([there.status, there.json.message]);
  expect(here.status).toBe(400);
  expect((await one.http('DELETE', `/configs/${made.json.ID}`)).status).toBe(204);
  const network = await two.http('POST', '/networks/create', { Name: 'net', Driver: 'overlay' });
  expect(network.status).toBe(201);
  expect((await one.http('DELETE', '/networks/net')).status).toBe(204);
});

test('a stream through a follower comes line by line, and ends on both sides with its client', async () => {
  const leader = leaderOf(seats) as Seat;
  const [one] = followers() as [Seat];
  const lines: string[] = [];
  const call = request({ socketPath: one.socketPath, path: '/shoal/v1/events', agent: false });
  call.on('error', () => undefined);
  call.on('response', (response) => {
    response.setEncoding('utf8');
    response.on('data', (text: string) => lines.push(text));
    response.on('error', () => undefined);
  });
  call.end();
  const event = (name: string) => ({ time: '2026-01-01T00:00:00Z', type: 'stack', name, action: 'applied', message: '' }) as const;
  await until(() => {
    leader.emit(event('first'));
    return lines.join('').includes('first');
  }, 'the first line comes while the stream is open');
  leader.emit(event('second'));
  await until(() => lines.join('').includes('second'), 'the second line comes');
  call.destroy();
});

test('a change of leaders is hidden from clients of the others: each request is answered, and done once', async () => {
  managers.givesUp = false;
  const leader = leaderOf(seats) as Seat;
  const rest = followers();
  let asked = 0;
  let over = false;
  async function client(at: Seat): Promise<number[]> {
    const statuses: number[] = [];
    while (!over) statuses.push((await at.http('POST', '/configs/create', config(`made-${asked++}`))).status);
    return statuses;
  }
  const clients = rest.map(client);
  await until(() => names(leader).length >= 10, 'some are made');
  // It falls silent amid all this.
  await leader.door.stop();
  await until(() => leaderOf(rest) !== undefined, 'another leads');
  const before = asked;
  await until(() => asked >= before + 10, 'it goes on');
  over = true;
  const statuses = (await Promise.all(clients)).flat();
  expect(new Set(statuses)).toEqual(new Set([201]));
  const next = leaderOf(rest) as Seat;
  expect(names(next)).toHaveLength(asked);
});

test('without a majority writes are refused with who is missing, and what is held can be read', async () => {
  await seats[0]!.http('POST', '/networks/create', { Name: 'kept', Driver: 'overlay' });
  await seats[0]!.http('POST', '/configs/create', config('kept'));
  await until(() => seats.every((seat) => names(seat).length === 1), 'all hold it');
  const [one, ...gone] = seats as [Seat, Seat, Seat];
  for (const seat of gone) await seat.door.stop();
  const refused = await one.http('POST', '/configs/create', config('unheard'));
  expect([refused.status, refused.json.message]).toEqual([503, expect.stringMatching(/only 1 of 3 managers answer; missing: b .*, c /)]);
  expect((await one.http('GET', '/configs')).status).toBe(503);
  const stale = await one.http('GET', '/configs?stale=true');
  expect([stale.status, stale.json.map(({ Spec }: { Spec: { Name: string } }) => Spec.Name)]).toEqual([200, ['kept']]);
  // What concerns this host's engine as well is answered by what is held.
  const networks = await one.http('GET', '/networks');
  expect([networks.status, networks.json.map(({ Name }: { Name: string }) => Name)]).toEqual([200, expect.arrayContaining(['kept'])]);
  expect((await one.http('DELETE', '/networks/kept')).status).toBe(503);
  const info = await one.http('GET', '/info');
  expect(info.json.Swarm.Error).toMatch(/missing: b .*force-new-cluster/);
});

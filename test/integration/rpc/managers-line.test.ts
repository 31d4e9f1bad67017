/** A node's way to the leader over real lines: past managers that are dead, silent, or only know who leads. */
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import type { AssignmentMessage, OpenSession } from '#model/object/assignment';
import { clientCredentials, serverCredentials, type LiveTls } from '#rpc/credentials';
import { connectDispatcher } from '#rpc/dispatcher-client';
import { DispatcherService } from '#rpc/dispatcher-service';
import { managersLine } from '#rpc/to-leader/managers-line';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { testDescription } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';

let authority: TestAuthority;
let tls: LiveTls;
const servers: RpcServer[] = [];
const silent: Server[] = [];

beforeEach(async () => {
  authority = await TestAuthority.begin();
  tls = await authority.node('n', 'worker');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const server of silent.splice(0)) server.close();
});

async function serve(openSession: OpenSession, leader: () => string | undefined = () => undefined): Promise<string> {
  const credentials = serverCredentials(await authority.node('m', 'manager'));
  const members = { clusterId: () => 'c1', roleOf: () => 'worker' as const, current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials, members, logger: silentLogger });
  new DispatcherService({ openSession, leader, logger: silentLogger }).addTo(server);
  servers.push(server);
  return `127.0.0.1:${await server.start()}`;
}

const follower = (leader?: string): Promise<string> =>
  serve(() => Promise.reject(new Refusal('unavailable', 'this manager does not lead', leader === undefined ? {} : { leader })));

/** A session in which nothing is assigned. */
async function* endless(): AsyncGenerator<AssignmentMessage> {
  yield { type: 'complete', appliesTo: 0, resultsIn: 1, changes: [] };
  await new Promise(() => {});
}

const session: OpenSession = async () => ({
  assignments: endless,
  acknowledge: async () => undefined,
  withdrawn: async () => undefined,
  changeAttachment: async () => 't',
  updateTaskStatus: async () => undefined,
  heartbeat: async () => 77,
  updateDescription: async () => undefined,
  pause: async () => undefined,
  leave: async () => undefined,
  close: () => undefined,
});

const leading = (opened: string[]): Promise<string> =>
  serve((nodeId, ...rest) => {
    opened.push(nodeId);
    return session(nodeId, ...rest);
  });

/** Takes connections and says nothing. */
function listener(): Promise<string> {
  const server = createServer((socket) => socket.on('error', () => undefined).unref());
  silent.push(server);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`)));
}

const openBy = (...addresses: string[]) =>
  managersLine({ local: () => undefined, addresses: () => addresses, tls: () => tls, connected: () => undefined, random: seededRandom(1) })(
    'n',
    testDescription,
  );

test('who joined asks first who led then, once, and after that as others do', async () => {
  const asked: string[] = [];
  let leads = true;
  const leader = await serve((nodeId, ...rest) => {
    asked.push('leader');
    return leads ? session(nodeId, ...rest) : Promise.reject(new Refusal('unavailable', 'this manager does not lead any more'));
  });
  const other = await leading(asked);
  const parts = { local: () => undefined, addresses: () => [other], tls: () => tls, connected: () => undefined, random: seededRandom(1) };
  const line = managersLine({ ...parts, leader });
  (await line('n', testDescription)).close();
  expect(asked[0]).toBe('leader');
  asked.length = 0;
  (await line('n', testDescription)).close();
  expect(asked).not.toContain('leader');
  // Who led may have gone meanwhile.
  leads = false;
  asked.length = 0;
  (await managersLine({ ...parts, leader })('n', testDescription)).close();
  expect(asked).toEqual(['leader', 'n']);
});

test('a manager that does not lead names the leader, though the node did not know of him', async () => {
  const opened: string[] = [];
  const session = await openBy(await follower(await leading(opened)));
  expect([await session.heartbeat(), opened]).toEqual([77, ['n']]);
  session.close();
});

test('managers that are dead or silent keep nobody from the leader', async () => {
  const opened: string[] = [];
  const session = await openBy('127.0.0.1:1', await listener(), await listener(), await leading(opened));
  expect(await session.heartbeat()).toBe(77);
  expect(opened).toEqual(['n']);
  session.close();
});

test('where nobody leads that is said; a denial counts whatever the others say', async () => {
  await expect(openBy(await follower(), '127.0.0.1:1')).rejects.toMatchObject({ code: 'unavailable' });
  const denied = await serve(() => Promise.reject(new Refusal('permissionDenied', 'node n was removed from swarm')));
  await expect(openBy(await follower(), denied, '127.0.0.1:1')).rejects.toMatchObject({ code: 'permissionDenied', message: 'node n was removed from swarm' });
});

test('while a manager is silent, one that did not lead is asked again, and leads by then', async () => {
  const opened: string[] = [];
  const leader = await leading(opened);
  let asked = 0;
  const elected = await serve(async () => {
    throw new Refusal('unavailable', 'this manager does not lead', ++asked > 1 ? { leader } : {});
  });
  const session = await openBy(elected, await listener());
  expect([asked, opened, await session.heartbeat()]).toEqual([2, ['n'], 77]);
  session.close();
});

test('a node that has left asks nobody any more, though a manager is silent still', async () => {
  let asked = 0;
  const notLeading = await serve(() => {
    asked++;
    return Promise.reject(new Refusal('unavailable', 'this manager does not lead'));
  });
  const addresses = [await listener(), notLeading];
  const line = managersLine({ local: () => undefined, addresses: () => addresses, tls: () => tls, connected: () => undefined, random: seededRandom(1) });
  await expect(line('n', testDescription, undefined, () => asked === 0)).rejects.toThrow('this manager does not lead');
  expect(asked).toBe(1);
});

test('a session that a node gave up on while it waited is known as one that nobody waits for', async () => {
  let waits = (): boolean => true;
  let asked = (): void => undefined;
  const reached = new Promise<void>((resolve) => (asked = resolve));
  const address = await serve((_nodeId, _description, _address, wanted = () => true) => {
    waits = wanted;
    asked();
    return new Promise(() => {});
  });
  const connection = connectDispatcher(address, clientCredentials(tls));
  const opening = connection.openSession('n', testDescription);
  const failed = expect(opening).rejects.toMatchObject({ code: 'unavailable' });
  await reached;
  expect(waits()).toBe(true);
  connection.close();
  await expect.poll(waits, { timeout: 30_000 }).toBe(false);
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await failed;
});

test('who seeks again asks over the connections that stand: a handshake for each manager, and not for each question', async () => {
  const asked: string[] = [];
  const opened: string[] = [];
  let leads = false;
  const leader = await leading(opened);
  const first = await serve(async () => {
    asked.push('first');
    throw new Refusal('unavailable', 'this manager does not lead', leads ? { leader } : {});
  });
  const connections = await counted(first);
  const open = managersLine({
    local: () => undefined,
    addresses: () => [connections.address],
    tls: () => tls,
    connected: () => undefined,
    random: seededRandom(1),
  });
  for (let round = 0; round < 5; round++) await expect(open('n', testDescription)).rejects.toMatchObject({ code: 'unavailable' });
  leads = true;
  const session = await open('n', testDescription);
  expect([asked.length, connections.count(), await session.heartbeat()]).toEqual([6, 1, 77]);
  session.close();
});

test('a leader who was named is waited for while he has no time for a handshake: the others are not asked meanwhile', async () => {
  const opened: string[] = [];
  const leader = await counted(await leading(opened), 1000);
  const others = await Promise.all([1, 2, 3].map(async () => await counted(await follower(leader.address))));
  const session = await openBy(...others.map(({ address }) => address));
  expect([await session.heartbeat(), opened, leader.count(), others.map(({ count }) => count()).toSorted((a, b) => a - b)]).toEqual([77, ['n'], 1, [0, 0, 1]]);
  session.close();
});

test('a leader that is there and busy is waited for: the others are not asked meanwhile', async () => {
  let leads = false;
  const asked: string[] = [];
  const leader = await serve(async (nodeId, ...rest) => {
    if (!leads) throw new Refusal('unavailable', 'this manager does not lead');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return await session(nodeId, ...rest);
  });
  const others = ['one', 'two'].map((name) =>
    serve(async () => {
      if (leads) asked.push(name);
      throw new Refusal('unavailable', 'this manager does not lead', leads ? { leader } : {});
    }),
  );
  const addresses = [leader, ...(await Promise.all(others))];
  const open = managersLine({ local: () => undefined, addresses: () => addresses, tls: () => tls, connected: () => undefined, random: seededRandom(1) });
  await expect(open('n', testDescription)).rejects.toMatchObject({ code: 'unavailable' });
  leads = true;
  const opened = await open('n', testDescription);
  expect([await opened.heartbeat(), asked.length <= 1]).toEqual([77, true]);
  opened.close();
});

test.each(['is gone', 'answers, and its program does not'])(
  'a beat that a leader keeps whose host %s ends when another one leads: that one is the first who is asked then',
  async (how) => {
    const opened: string[] = [];
    const asked: string[] = [];
    let beats = 0;
    const silentOne = await serve(async (...whose) => {
      asked.push('silent');
      return { ...(await session(...whose)), heartbeat: () => (++beats > 1 ? new Promise(() => {}) : Promise.resolve(77)) };
    });
    const { address: before, close } = await counted(silentOne);
    const next = await leading(opened);
    // It learns of the election after it was asked once, and knows of no leader in between.
    const told = how === 'is gone' ? [before, undefined, next] : [next];
    const witness = await serve(
      async () => {
        asked.push('witness');
        throw new Refusal('unavailable', 'this manager does not lead');
      },
      () => told.shift(),
    );
    const parts = { local: () => undefined, tls: () => tls, connected: () => undefined, random: seededRandom(1) };
    const line = managersLine({ ...parts, leader: before, addresses: () => [before, witness] });
    const first = await line('n', testDescription);
    expect(await first.heartbeat()).toBe(77);
    if (how === 'is gone') close();
    await expect(first.heartbeat()).rejects.toMatchObject({ code: 'unavailable', facts: { leader: next } });
    first.close();
    const second = await line('n', testDescription);
    expect([await second.heartbeat(), opened, asked, told]).toEqual([77, ['n'], ['silent'], []]);
    second.close();
  },
);

/** A door before a manager that counts who comes through, until it is closed. `waitMs`: before anything of a connection is heard behind it. */
async function counted(address: string, waitMs = 0): Promise<{ address: string; count: () => number; close: () => void }> {
  let count = 0;
  const door = createServer((near) => {
    count++;
    near.on('error', () => near.destroy()).unref();
    setTimeout(() => {
      const far = connect(Number(address.split(':')[1]), '127.0.0.1');
      near.pipe(far).pipe(near);
      far.on('error', () => far.destroy()).unref();
    }, waitMs);
  });
  silent.push(door);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(door.address() as AddressInfo).port}`, count: () => count, close: () => void door.close() };
}

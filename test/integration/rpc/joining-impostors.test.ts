/** Whom a joiner tells its token: nobody for whom the root that the token names does not vouch. */
import { connect, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { issuerOf } from '#ca/authority';
import { nodeTemplate } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import type { Authority } from '#model/object/authority';
import { managerFault } from '#node/join/manager-fault';
import type { Members } from '#rpc/authorization';
import { JoinersLine } from '#rpc/ca-client';
import { CaService } from '#rpc/ca-service';
import { LiveTls, serverCredentials } from '#rpc/credentials';
import { RpcServer } from '#rpc/rpc-server';
import { clusterOf } from '#store/view';
import { TestAuthority } from '#test/support/cluster-certificates';
import { address, cluster, hasManager, join, tokens } from '#test/support/joining-world';
import { realClock } from '#test/support/real-clock';

const dayMs = 24 * 3_600_000;
const authority = (): Authority => clusterOf(cluster.store)?.Shoal?.Authority as Authority;
let foreign: TestAuthority;
/** What somebody heard who is no manager of the cluster. */
let heard: string[];
const impostors: RpcServer[] = [];

hasManager();
beforeEach(async () => {
  foreign = await TestAuthority.begin();
  heard = [];
});
afterEach(async () => void (await Promise.all(impostors.splice(0).map((each) => each.stop()))));

/** Says of the root what everybody may know. */
async function impostor(shows: LiveTls): Promise<string> {
  const members: Members = { clusterId: () => 'c1', roleOf: () => undefined, current: () => true };
  const door = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(shows), members, logger: silentLogger });
  const hear = async ({ token }: { token: string }): Promise<never> => {
    heard.push(token);
    throw new Error('heard');
  };
  const issuer = { root: async () => authority().Certificate, join: hear, certify: () => Promise.reject(new Error('no')) };
  new CaService(() => issuer, realClock, members).addTo(door);
  impostors.push(door);
  return `127.0.0.1:${await door.start()}`;
}

/** What this cluster's own authority has certified. */
async function certified(role: 'manager' | 'worker', at: number): Promise<LiveTls> {
  const key = certificates.newKey();
  const template = nodeTemplate({ nodeId: 'n', role, clusterId: 'c1' }, at, 3600e9);
  return new LiveTls({
    certificate: await certificates.issue(await certificates.request(key), template, issuerOf(authority())),
    key,
    roots: authority().Certificate,
  });
}

/** What a joiner says that goes on to the next address after `remote`. */
async function refused(remote: string): Promise<string> {
  const ending = new AbortController();
  const asked = join({ remotes: [remote, `127.0.0.1:${await listening(ended(ending))}`] }, ending.signal);
  return await asked.then(
    () => 'joined',
    (error: Error) => error.message,
  );
}

/** Whoever comes here has been refused before: that is enough. */
function ended(ending: AbortController): Server {
  const server = createServer((socket) => {
    socket.destroy();
    server.close();
    ending.abort(new Error('went on to the next one'));
  });
  return server;
}

function listening(held: Server): Promise<number> {
  return new Promise((resolve) => held.listen(0, '127.0.0.1', () => resolve((held.address() as { port: number }).port)));
}

test.each([
  ['a manager of another cluster', () => foreign.node('m', 'manager')],
  ['a worker of this one', () => certified('worker', Date.now())],
])('%s', async (_who, shows) => {
  expect(await refused(await impostor(await shows()))).toBe('went on to the next one');
  expect(heard).toEqual([]);
});

test.each([-30 * dayMs, 30 * dayMs])('one whose certificate is not good now, by %i ms', async (apart) => {
  expect(await refused(await impostor(await certified('manager', Date.now() + apart)))).toContain('are not good by the clock of this node');
  expect(heard).toEqual([]);
});

test('one who takes the place of a manager that was asked for the root', async () => {
  const place = await impostor(await foreign.node('m', 'manager'));
  let came = 0;
  let cut = (): void => undefined;
  const between = createServer((socket) => {
    const target = came++ === 0 ? address : place;
    const on = connect({ host: '127.0.0.1', port: Number(target.split(':')[1]) });
    for (const [from, to] of [
      [socket, on],
      [on, socket],
    ] as const)
      from
        .on('error', () => to.destroy())
        .on('close', () => to.destroy())
        .pipe(to);
    cut = () => socket.destroy();
  });
  const line = new JoinersLine(`127.0.0.1:${await listening(between)}`);
  const root = await line.root();
  cut();
  line.judgeBy((shown) => managerFault(shown, root, Date.now()));
  const asked = { request: 'r', token: tokens().Worker, availability: 'active', advertised: '', replaces: '', unheard: '' };
  await expect(line.join(asked)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(line.join(asked)).rejects.toMatchObject({ code: 'unavailable' });
  line.close();
  between.close();
  expect([came > 1, heard]).toEqual([true, []]);
});

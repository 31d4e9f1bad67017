import { afterAll, beforeAll, expect, test } from 'vitest';
import { Written } from '#api/answer';
import { listedMember, shownMember } from '#api/routes/nodes';
import { hostPort } from '#model/manager-address';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { aNode } from '#test/support/cluster-objects';

let api: ApiFixture;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.stop());

test('the one manager leads', async () => {
  const [node] = (await api.http('GET', '/nodes')).json;
  expect(node).toMatchObject({
    ID: 'node-one',
    Spec: { Role: 'manager', Availability: 'active', Labels: {} },
    Status: { State: 'ready' },
    ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '192.168.7.1:2377' },
  });
  expect(hostPort('fd00::1', 2377)).toBe('[fd00::1]:2377');
});

test('labels and availability change; the last manager stays one', async () => {
  const update = async (change: object) => {
    const { Version, Spec } = (await api.http('GET', '/nodes/one')).json;
    return api.http('POST', `/nodes/node-one/update?version=${Version.Index}`, { ...Spec, ...change });
  };
  expect((await update({ Labels: { zone: 'a' }, Availability: 'drain' })).status).toBe(200);
  expect((await api.http('GET', '/nodes/one')).json.Spec).toEqual({ Role: 'manager', Availability: 'drain', Labels: { zone: 'a' } });
  const demoted = await update({ Role: 'worker' });
  expect([demoted.status, demoted.json.message]).toEqual([
    400,
    'rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm',
  ]);
  expect((await update({ Availability: 'gone' })).status).toBe(400);
});

test.each<[string, number]>([
  ['{"role":["manager"]}', 1],
  ['{"role":["worker"]}', 0],
  ['{"membership":["accepted"]}', 1],
  ['{"membership":["pending"]}', 0],
  ['{"name":["on"]}', 1],
  ['{"id":["node"]}', 1],
  ['{"node.label":["zone=a"]}', 1],
  ['{"label":["zone=a"]}', 0],
])('filters %s', async (filters, count) => {
  expect((await api.http('GET', `/nodes?filters=${filters}`)).json).toHaveLength(count);
});

test('refuses a role that is none, and removing a manager', async () => {
  const reply = await api.http('GET', '/nodes?filters={"role":["foo"]}');
  expect([reply.status, reply.json.message]).toEqual([500, "Invalid role filter: 'foo'"]);
  expect((await api.http('DELETE', '/nodes/one?force=1')).status).toBe(400);
});

test('only who has a seat is shown as a manager: one that was let go is none, before its role is', () => {
  const standing = {
    leader: 'a',
    members: [
      { id: 'a', address: 'a:1', reachable: true },
      { id: 'b', address: 'b:1', reachable: false },
    ],
  };
  const context = { swarm: { status: () => ({ NodeID: 'a' }) }, leader: { standing: () => standing } } as never;
  const statusOf = (ID: string) => (shownMember({ ...aNode(ID), Shoal: { Role: 'manager' } }, context) as { ManagerStatus?: object }).ManagerStatus;
  expect(['a', 'b', 'c'].map(statusOf)).toEqual([
    { Leader: true, Reachability: 'reachable', Addr: 'a:1' },
    { Reachability: 'unreachable', Addr: 'b:1' },
    undefined,
  ]);
});

test('the text of a worker is made once for all lists that it is in, until it is another; that of a manager, and of who answers, each time', () => {
  const context = { swarm: { status: () => ({ NodeID: 'own' }) } } as never;
  const listed = (node: Parameters<typeof shownMember>[0]) => listedMember(node, 'own', context);
  const worker = aNode('a');
  const first = listed(worker) as Written;
  expect(first.text).toBe(JSON.stringify(shownMember(worker, context)));
  expect(listed(worker)).toBe(first);
  const changed = { ...worker, Status: { ...worker.Status, State: 'down' as const } };
  expect((listed(changed) as Written).text).toBe(JSON.stringify(shownMember(changed, context)));
  for (const other of [aNode('own'), aNode('b', { Shoal: { Role: 'manager' } })]) {
    expect(listed(other)).toEqual(shownMember(other, context));
    expect(listed(other)).not.toBeInstanceOf(Written);
  }
});

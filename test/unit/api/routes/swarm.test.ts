import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

test('the cluster is shown with the fields that clients read, without tokens', async () => {
  const swarm = (await api.http('GET', '/swarm')).json;
  expect(swarm).toMatchObject({
    Spec: { Name: 'default', Orchestration: { TaskHistoryRetentionLimit: 5 } },
    JoinTokens: { Worker: expect.stringMatching(/^NONE-/), Manager: expect.stringMatching(/^NONE-/) },
    RootRotationInProgress: false,
  });
  const info = (await api.http('GET', '/info')).json;
  expect(info.Swarm).toMatchObject({ NodeID: 'node-one', LocalNodeState: 'active', ControlAvailable: true, Nodes: 1, Managers: 1, Cluster: { ID: swarm.ID } });
  expect(info.Swarm.RemoteManagers).toEqual([{ NodeID: 'node-one', Addr: '192.168.7.1:2377' }]);
  expect(info.Swarm.Cluster.JoinTokens).toBeUndefined();
  expect(info.Shoal).toEqual({ Version: '0.1.0' });
});

test('an update replaces the spec; rotations are refused, not ignored', async () => {
  const { Version, Spec } = (await api.http('GET', '/swarm')).json;
  const next = { ...Spec, Orchestration: { TaskHistoryRetentionLimit: 2 } };
  const rotated = await api.http('POST', `/swarm/update?version=${Version.Index}&rotateWorkerToken=true`, next);
  expect(rotated.status).toBe(501);
  expect((await api.http('POST', `/swarm/update?version=${Version.Index}&rotateWorkerToken=false`, next)).status).toBe(200);
  expect((await api.http('GET', '/swarm')).json.Spec.Orchestration).toEqual({ TaskHistoryRetentionLimit: 2 });
});

test('leaving needs force; joining and a second init are refused', async () => {
  expect((await api.http('POST', '/swarm/init', {})).json.message).toMatch(/^This node is already part of a swarm\./);
  expect((await api.http('POST', '/swarm/join', {})).status).toBe(503);
  const refused = await api.http('POST', '/swarm/leave');
  expect([refused.status, refused.json.message]).toEqual([503, expect.stringContaining('Use `--force`')]);
  expect((await api.http('POST', '/swarm/leave?force=1')).status).toBe(200);
  expect((await api.http('POST', '/swarm/leave?force=1')).json.message).toBe('This node is not part of a swarm');
  expect((await api.http('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' })).json).toBe('node-one');
});

test('nothing is locked', async () => {
  expect((await api.http('GET', '/swarm/unlockkey')).json).toEqual({ UnlockKey: '' });
  expect((await api.http('POST', '/swarm/unlock', { UnlockKey: 'x' })).status).toBe(409);
});

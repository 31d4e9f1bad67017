import { swarmTexts } from '#model/swarm-texts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { testTlsInfo } from '#test/support/memory-cluster';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

test('the cluster is shown with the fields that clients read, and without what only managers keep', async () => {
  const swarm = (await api.http('GET', '/swarm')).json;
  expect(swarm).toMatchObject({
    Spec: { Name: 'default', Orchestration: { TaskHistoryRetentionLimit: 5 } },
    JoinTokens: { Worker: expect.stringMatching(/^SWMTKN-1-/), Manager: expect.stringMatching(/^SWMTKN-1-/) },
    TLSInfo: testTlsInfo,
    RootRotationInProgress: false,
  });
  const info = (await api.http('GET', '/info')).json;
  expect(info.Swarm).toMatchObject({ NodeID: 'node-one', LocalNodeState: 'active', ControlAvailable: true, Nodes: 1, Managers: 1, Cluster: { ID: swarm.ID } });
  expect(info.Swarm.RemoteManagers).toEqual([{ NodeID: 'node-one', Addr: '192.168.7.1:2377' }]);
  expect(info.Swarm.Cluster.JoinTokens).toBeUndefined();
  expect(JSON.stringify([swarm, info])).not.toContain('canary');
  expect(info.Shoal).toEqual({ Version: '0.1.0' });
});

test('an update replaces the spec; a key that is not there is not rotated', async () => {
  const { Version, Spec } = (await api.http('GET', '/swarm')).json;
  const next = { ...Spec, Orchestration: { TaskHistoryRetentionLimit: 2 } };
  const flags = 'rotateManagerUnlockKey=true&rotateWorkerToken=false';
  expect((await api.http('POST', `/swarm/update?version=${Version.Index}&${flags}`, next)).status).toBe(200);
  expect((await api.http('GET', '/swarm/unlockkey')).json).toEqual({ UnlockKey: '' });
  expect((await api.http('GET', '/swarm')).json.Spec.Orchestration).toEqual({ TaskHistoryRetentionLimit: 2 });
});

test('the key of locked managers is shown by its own route alone, and a locked node answers with nothing else than that it is locked', async () => {
  const { Version, Spec } = (await api.http('GET', '/swarm')).json;
  await api.http('POST', `/swarm/update?version=${Version.Index}`, { ...Spec, EncryptionConfig: { AutoLockManagers: true } });
  const { UnlockKey } = (await api.http('GET', '/swarm/unlockkey')).json as { UnlockKey: string };
  expect(UnlockKey).toMatch(/^SWMKEY-1-/);
  for (const path of ['/swarm', '/info', '/nodes', '/swarm?stale=1']) expect((await api.http('GET', path)).text).not.toContain(UnlockKey);
  expect(await api.http('POST', '/swarm/unlock', { UnlockKey })).toMatchObject({ status: 409, json: { message: 'swarm is not locked' } });
  Object.assign(api.status, { LocalNodeState: 'locked', ControlAvailable: false });
  const locked = { status: 503, json: { message: swarmTexts.locked } };
  for (const path of ['/swarm', '/nodes', '/services', '/tasks', '/secrets', '/configs', '/swarm/unlockkey'])
    expect(await api.http('GET', path), path).toMatchObject(locked);
  expect(await api.http('POST', '/swarm/leave')).toMatchObject({ status: 503, json: { message: swarmTexts.leavingLocked } });
  expect(await api.http('POST', '/swarm/unlock', { UnlockKey: 'SWMKEY' })).toMatchObject({ status: 400, json: { message: 'invalid key string' } });
  expect((await api.http('POST', '/swarm/unlock', { UnlockKey })).status).toBe(200);
});

test('a token is exchanged by itself, and certificates get a life of their own', async () => {
  const before = (await api.http('GET', '/swarm')).json;
  const CAConfig = { NodeCertExpiry: 2 * 3600e9 };
  expect((await api.http('POST', `/swarm/update?version=${before.Version.Index}&rotateWorkerToken=true`, { ...before.Spec, CAConfig })).status).toBe(200);
  const after = (await api.http('GET', '/swarm')).json;
  expect(after.JoinTokens.Worker).not.toBe(before.JoinTokens.Worker);
  expect(after.JoinTokens.Manager).toBe(before.JoinTokens.Manager);
  expect(after.Spec.CAConfig).toEqual(CAConfig);
  const short = await api.http('POST', `/swarm/update?version=${after.Version.Index}`, { ...after.Spec, CAConfig: { NodeCertExpiry: 3599e9 } });
  expect([short.status, short.json.message]).toEqual([400, expect.stringContaining('minimum certificate expiry time is: 1h0m0s')]);
});

test('leaving needs force; joining and a second init are refused', async () => {
  expect((await api.http('POST', '/swarm/init', {})).json.message).toMatch(/^This node is already part of a swarm\./);
  expect((await api.http('POST', '/swarm/join', {})).status).toBe(503);
  const refused = await api.http('POST', '/swarm/leave');
  expect([refused.status, refused.json.message]).toEqual([503, expect.stringContaining('Use `--force`')]);
  expect((await api.http('POST', '/swarm/leave?force=1')).status).toBe(200);
  expect((await api.http('POST', '/swarm/leave?force=1')).json.message).toBe('This node is not part of a swarm');
  for (const path of ['/swarm/init', '/swarm/join']) {
    const nowhere = await api.http('POST', path, { ListenAddr: '' });
    expect([nowhere.status, nowhere.json.message]).toEqual([400, 'invalid ListenAddr "": invalid empty address']);
  }
  expect((await api.http('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' })).json).toBe('node-one');
});

test('nothing is locked', async () => {
  expect((await api.http('GET', '/swarm/unlockkey')).json).toEqual({ UnlockKey: '' });
  expect((await api.http('POST', '/swarm/unlock', { UnlockKey: 'x' })).status).toBe(409);
});

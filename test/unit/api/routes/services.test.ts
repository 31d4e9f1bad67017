import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

const spec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x:1' } } };

async function created(body: object = spec, headers: Record<string, string> = {}): Promise<string> {
  const reply = await api.http('POST', '/v1.41/services/create', body, headers);
  expect([reply.status, reply.json.Warnings]).toEqual([201, null]);
  return reply.json.ID;
}

test('create, look, update, remove with the status codes of Docker', async () => {
  const id = await created({ ...spec, Labels: null, TaskTemplate: { ...spec.TaskTemplate, Networks: null, Placement: null } });
  const service = (await api.http('GET', '/services/web')).json;
  expect(service).toMatchObject({ ID: id, Spec: { Labels: {}, Mode: { Replicated: { Replicas: 1 } } } });
  const next = { ...service.Spec, TaskTemplate: { ContainerSpec: { Image: 'x:2' } } };
  const updated = await api.http('POST', `/services/${id}/update?version=${service.Version.Index}`, next);
  expect([updated.status, updated.json]).toEqual([200, { Warnings: null, Shoal: { SpecVersion: 1 } }]);
  expect((await api.http('GET', '/services/web')).json.PreviousSpec.TaskTemplate.ContainerSpec.Image).toBe('x:1');
  const stale = await api.http('POST', `/services/${id}/update?version=${service.Version.Index}`, next);
  expect([stale.status, stale.json.message]).toEqual([500, 'rpc error: code = Unknown desc = update out of sequence']);
  const removed = await api.http('DELETE', `/services/${id}`);
  expect([removed.status, removed.text]).toEqual([200, '']);
  expect((await api.http('GET', '/services/web')).json).toEqual({ message: 'service web not found' });
});

test.each<[object, number, string]>([
  [{ Name: 'web' }, 400, 'mismatched Runtime and *Spec fields'],
  [{ ...spec, TaskTemplate: { ContainerSpec: {} } }, 400, 'rpc error: code = InvalidArgument desc = ContainerSpec: image reference must be provided'],
  [{ ...spec, Name: '-x' }, 400, 'rpc error: code = InvalidArgument desc = name must be valid as a DNS name component'],
  [{ ...spec, Mode: { Replicated: { Replicas: '3' } } }, 400, 'json: cannot unmarshal string into Go struct field Mode.Replicated.Replicas of type uint64'],
  [{ ...spec, TaskTemplate: { ...spec.TaskTemplate, Networks: [{ Target: 'nobody' }] } }, 404, 'network nobody not found'],
])('refuses %j', async (body, status, message) => {
  const reply = await api.http('POST', '/services/create', body);
  expect([reply.status, reply.json.message, reply.headers['content-type']]).toEqual([status, message, 'application/json']);
});

test('a taken name is a conflict, an ambiguous id is refused', async () => {
  await created();
  const taken = await api.http('POST', '/services/create', spec);
  expect([taken.status, taken.json.message]).toEqual([
    409,
    'rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists',
  ]);
  for (const letter of 'abcdefghijklmnopqrstuvwxyz0123456789') await created({ ...spec, Name: `s-${letter}` });
  const ids: string[] = (await api.http('GET', '/services')).json.map((service: { ID: string }) => service.ID);
  const shared = ids.find((id, index) => ids.some((other, at) => at !== index && other[0] === id[0]))?.[0] ?? '';
  const matches = ids.filter((id) => id.startsWith(shared)).length;
  const ambiguous = await api.http('GET', `/services/${shared}`);
  expect([ambiguous.status, ambiguous.json.message]).toEqual([400, `service ${shared} is ambiguous (${matches} matches found)`]);
});

describe('a spec is shown as Docker stores it', () => {
  const given = (part: object) => ({ ...spec, ...part, TaskTemplate: { ...spec.TaskTemplate, ...(part as { TaskTemplate?: object }).TaskTemplate } });
  const shownOf = async (part: object) => {
    await created(given(part));
    return (await api.http('GET', '/services/web')).json;
  };

  test('what was given, with the defaults of its parts', async () => {
    const { Spec, Endpoint } = await shownOf({
      TaskTemplate: { RestartPolicy: { Delay: 3e9 } },
      UpdateConfig: { Delay: 1e9 },
      RollbackConfig: {},
      EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] },
    });
    const ports = [{ TargetPort: 80, PublishedPort: 8080, Protocol: 'tcp', PublishMode: 'ingress' }];
    expect(Spec).toMatchObject({
      TaskTemplate: { ForceUpdate: 0, Runtime: 'container', ContainerSpec: { Isolation: 'default' } },
      UpdateConfig: { Parallelism: 0, Delay: 1e9, FailureAction: 'pause', MaxFailureRatio: 0, Order: 'stop-first' },
      RollbackConfig: { Parallelism: 0, FailureAction: 'pause', MaxFailureRatio: 0, Order: 'stop-first' },
      EndpointSpec: { Mode: 'vip', Ports: ports },
    });
    expect(Spec.TaskTemplate.RestartPolicy).toEqual({ Condition: 'any', Delay: 3e9, MaxAttempts: 0 });
    expect(Endpoint.Spec).toEqual({ Mode: 'vip', Ports: ports });
    const [task] = (await api.http('GET', '/tasks')).json;
    expect(task.Spec).toMatchObject({ ContainerSpec: { Isolation: 'default' }, RestartPolicy: { Condition: 'any', MaxAttempts: 0 }, ForceUpdate: 0 });
  });

  test('what was not given stays away', async () => {
    const { Spec, Endpoint } = await shownOf({});
    expect(Object.keys(Spec).toSorted()).toEqual(['Labels', 'Mode', 'Name', 'TaskTemplate']);
    expect(Spec.TaskTemplate.RestartPolicy).toBeUndefined();
    expect(Endpoint.Spec).toEqual({});
  });

  test('what says nothing is left out, but for what Docker tells from absence', async () => {
    const empty = { Labels: {}, Env: [], Args: [], Configs: [], Sysctls: {}, TTY: false, Hostname: '' };
    const told = { Init: false, StopGracePeriod: 0, DNSConfig: {}, Healthcheck: {} };
    const container = {
      ...spec.TaskTemplate.ContainerSpec,
      ...empty,
      ...told,
      Mounts: [{ Source: '/a', Target: '/b', ReadOnly: false, Consistency: 'default' }],
    };
    const { Spec, Endpoint } = await shownOf({
      TaskTemplate: {
        ContainerSpec: { ...container, Privileges: { SELinuxContext: { User: 'u' } } },
        Resources: { Limits: {}, Reservations: { GenericResources: [] } },
        Placement: { Constraints: [], Platforms: [] },
      },
      UpdateConfig: { Delay: 0, Monitor: 0 },
      EndpointSpec: { Mode: 'dnsrr' },
    });
    expect(Spec.TaskTemplate).toEqual({
      ContainerSpec: {
        ...spec.TaskTemplate.ContainerSpec,
        ...told,
        Isolation: 'default',
        Mounts: [{ Type: 'bind', Source: '/a', Target: '/b' }],
        Privileges: {
          CredentialSpec: null,
          SELinuxContext: { Disable: false, User: 'u', Role: '', Type: '', Level: '' },
          NoNewPrivileges: false,
        },
      },
      Resources: { Limits: {}, Reservations: {} },
      Placement: {},
      ForceUpdate: 0,
      Runtime: 'container',
    });
    expect(Spec.UpdateConfig).toEqual({ Parallelism: 0, FailureAction: 'pause', MaxFailureRatio: 0, Order: 'stop-first' });
    expect([Spec.EndpointSpec, Endpoint]).toEqual([{ Mode: 'dnsrr' }, { Spec: {} }]);
    expect(api.cluster.store.byName('service', 'web')?.Spec.TaskTemplate.ContainerSpec?.Mounts).toMatchObject([{ Type: 'bind' }]);
    const whole = (await api.http('GET', '/services/web?insertDefaults=true')).json.Spec;
    expect([whole.UpdateConfig.Monitor, whole.RollbackConfig.Delay, whole.TaskTemplate.Placement]).toEqual([5e9, undefined, {}]);
  });

  test('networks in their old place are shown there, and may come back so', async () => {
    const { Id } = (await api.http('POST', '/networks/create', { Name: 'back', Driver: 'overlay' })).json;
    const { ID, Spec, Version } = await shownOf({ Networks: [{ Target: 'back', Aliases: ['db'] }] });
    expect(Spec.Networks).toEqual([{ Target: Id, Aliases: ['db'] }]);
    expect(Spec.TaskTemplate.Networks).toBeUndefined();
    const stored = () => api.cluster.store.byName('service', 'web')?.Spec;
    expect(stored()?.TaskTemplate.Networks).toEqual(Spec.Networks);
    expect((await api.http('POST', `/services/${ID}/update?version=${Version.Index}`, Spec)).status).toBe(200);
    expect(stored()?.TaskTemplate.Networks).toEqual(Spec.Networks);
    // As the docker CLI moves them.
    const { Networks, ...rest } = (await api.http('GET', '/services/web')).json.Spec;
    const next = { ...rest, TaskTemplate: { ...rest.TaskTemplate, Networks } };
    const now = (await api.http('GET', '/services/web')).json.Version.Index;
    expect((await api.http('POST', `/services/${ID}/update?version=${now}`, next)).status).toBe(200);
    const moved = (await api.http('GET', '/services/web')).json.Spec;
    expect([moved.Networks, moved.TaskTemplate.Networks]).toEqual([undefined, Networks]);
  });

  test.each(['host', 'bridge', 'none'])('the network %s is named by an id that leads to it', async (name) => {
    const { ID, Spec, Version } = await shownOf({ TaskTemplate: { Networks: [{ Target: name }] } });
    const [{ Target }] = Spec.TaskTemplate.Networks;
    expect(Target).toMatch(/^[a-z0-9]{25}$/);
    expect((await api.http('GET', `/networks/${Target}`)).json).toMatchObject({ Id: Target, Name: name, Scope: 'swarm' });
    expect((await api.http('POST', `/services/${ID}/update?version=${Version.Index}`, Spec)).status).toBe(200);
    expect(api.cluster.store.byName('service', 'web')?.Spec.TaskTemplate.Networks).toEqual([{ Target: name }]);
  });
});

test('lists by filter, with counts when asked', async () => {
  await created({ ...spec, Labels: { team: 'a' }, Mode: { Replicated: { Replicas: 3 } } });
  await created({ ...spec, Name: 'agent', Mode: { Global: {} } });
  const names = async (filters: object) =>
    (await api.http('GET', `/services?filters=${encodeURIComponent(JSON.stringify(filters))}`)).json.map(
      (service: { Spec: { Name: string } }) => service.Spec.Name,
    );
  expect(await names({ label: { 'team=a': true } })).toEqual(['web']);
  expect(await names({ mode: ['global'] })).toEqual(['agent']);
  expect(await names({ name: ['w', 'ag'] })).toEqual(['web', 'agent']);
  expect(await names({ name: ['eb'] })).toEqual([]);
  const [web] = (await api.http('GET', '/services?status=true&filters={"name":["web"]}')).json;
  expect(web.ServiceStatus).toEqual({ RunningTasks: 3, DesiredTasks: 3, CompletedTasks: 0 });
  expect((await api.http('GET', '/services')).json[0].ServiceStatus).toBeUndefined();
});

test('credentials never come back, in services or tasks', async () => {
  await created(spec, { 'X-Registry-Auth': 'canary-auth' });
  expect(api.cluster.store.byName('service', 'web')?.Shoal.RegistryAuth).toBe('canary-auth');
  for (const path of ['/services', '/services/web', '/tasks', '/info']) expect((await api.http('GET', path)).text).not.toContain('canary');
});

test('an update by a client that drops unknown fields keeps our extensions', async () => {
  const id = await created({ ...spec, TaskTemplate: { ContainerSpec: { Image: 'x:1', Shoal: { ShmSize: 64 } } } });
  const { Version } = (await api.http('GET', '/services/web')).json;
  await api.http('POST', `/services/${id}/update?version=${Version.Index}`, { ...spec, TaskTemplate: { ContainerSpec: { Image: 'x:2' } } });
  expect((await api.http('GET', '/services/web')).json.Spec.TaskTemplate.ContainerSpec).toMatchObject({ Image: 'x:2', Shoal: { ShmSize: 64 } });
});

test('a node without a cluster says how to get one', async () => {
  Object.assign(api.status, { LocalNodeState: 'inactive', ControlAvailable: false });
  for (const [method, path] of [
    ['GET', '/services'],
    ['GET', '/tasks'],
    ['GET', '/nodes'],
    ...['services', 'tasks', 'nodes', 'secrets', 'configs'].map((kind) => ['GET', `/${kind}?filters=${encodeURIComponent('{"foo":["x"]}')}`] as const),
    ['GET', '/swarm'],
    ['POST', '/services/create'],
    ['DELETE', '/secrets/x'],
  ] as const) {
    const reply = await api.http(method, path);
    expect([path, reply.status, reply.json.message]).toEqual([path, 503, expect.stringMatching(/^This node is not a swarm manager\. Use "docker swarm init"/)]);
  }
  expect((await api.http('GET', '/networks')).status).toBe(200);
});

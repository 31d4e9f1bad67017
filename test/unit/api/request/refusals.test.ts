/** What a Docker Engine refuses is refused here with its status and to the letter: tools and people look for these texts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
  const ids: Record<string, string> = {};
  for (const kind of ['secret', 'config']) ids[kind] = (await api.http('POST', `/${kind}s/create`, { Name: kind, Data: 'eA==' })).json.ID;
  const held = { ContainerSpec: { Image: 'a' } };
  ids['service'] = (await api.http('POST', '/services/create', { Name: 'held', TaskTemplate: held })).json.ID;
  known = ids;
});
afterAll(() => api.stop());

let known: Record<string, string> = {};
const grpc = 'rpc error: code = InvalidArgument desc = ';
const spec = (more: object, container: object = {}, task: object = {}) => ({
  Name: 'x',
  TaskTemplate: { ContainerSpec: { Image: 'a', ...container }, ...task },
  ...more,
});
const credential = (CredentialSpec: object) => spec({}, { Privileges: { CredentialSpec } });
const mount = (more: object) => spec({}, { Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', ...more }] });
const target = { Name: 't', UID: '0', GID: '0', Mode: 292 };

describe('what the engine itself sees, before its manager does', () => {
  test.each([
    [spec({ Mode: { Replicated: {}, Global: {} } }), 'must specify only one service mode'],
    [spec({}, {}, { RestartPolicy: { Condition: 'ANY' } }), 'invalid RestartCondition: "ANY"'],
    [spec({ UpdateConfig: { FailureAction: 'x' } }), 'unrecognized update failure action x'],
    [spec({ RollbackConfig: { Order: 'x' } }), 'unrecognized update order x'],
    [spec({ EndpointSpec: { Mode: 'VIP' } }), 'invalid resolution mode: "VIP"'],
    [spec({}, {}, { Runtime: 'x' }), 'unsupported runtime'],
    [spec({}, {}, { Runtime: 'plugin' }), 'mismatched Runtime and *Spec fields'],
    [mount({ BindOptions: { Propagation: 'x' } }), 'invalid MountPropagation: "x"'],
    [spec({}, { Configs: [{ ConfigName: 'config' }] }), 'invalid Config: either File or Runtime should be set'],
    [spec({}, { Configs: [{ ConfigName: 'config', File: target, Runtime: {} }] }), 'invalid Config: cannot specify both File and Runtime'],
    [credential({}), 'invalid CredentialSpec: must either provide "file", "registry", or "config" for credential spec'],
    [credential({ File: 'a', Registry: 'b' }), 'invalid CredentialSpec: cannot specify both "file" and "registry" credential specs'],
    [credential({ File: 'a', Config: 'b' }), 'invalid CredentialSpec: cannot specify both "config" and "file" credential specs'],
    [credential({ File: 'a', Config: 'b', Registry: 'c' }), 'invalid CredentialSpec: cannot specify both "config", "file", and "registry" credential specs'],
  ])('%j', async (body, message) => {
    expect(await api.http('POST', '/services/create', body)).toMatchObject({ status: 400, json: { message } });
  });
});

test('a reference names one object, with a file to put it in', async () => {
  for (const kind of ['Secret', 'Config']) {
    const id = known[kind.toLowerCase()];
    const refer = (more: object) => spec({}, { [`${kind}s`]: [{ [`${kind}ID`]: id, [`${kind}Name`]: kind.toLowerCase(), File: target, ...more }] });
    const refused = async (more: object): Promise<string> => (await api.http('POST', '/services/create', refer(more))).json.message;
    expect(await refused({ [`${kind}Name`]: 'other' })).toBe(`${grpc}${kind.toLowerCase()} not found: other`);
    expect(await refused({ File: { ...target, Name: '' } })).toBe(`${grpc}malformed file ${kind.toLowerCase()} reference, invalid target file name provided`);
  }
  const { json } = await api.http('POST', '/services/create', credential({ Config: known['config'] ?? '' }));
  expect(json.message).toBe(`${grpc}CredentialSpec references config '${known['config']}', but that config isn't in config references with RuntimeTarget`);
});

test('words of the engine are taken in any case', async () => {
  const port = { TargetPort: 80, PublishedPort: 80, Protocol: 'UDP', PublishMode: 'HOST' };
  const container = { Isolation: 'PROCESS', Mounts: [{ Type: 'BIND', Source: '/a', Target: '/b', BindOptions: { Propagation: 'RSHARED' } }] };
  const { json: created } = await api.http('POST', '/services/create', { ...spec({ EndpointSpec: { Ports: [port] } }, container), Name: 'loud' });
  const { Spec } = (await api.http('GET', `/services/${created.ID}`)).json;
  expect(Spec.EndpointSpec.Ports).toEqual([{ ...port, Protocol: 'udp', PublishMode: 'host' }]);
  expect(Spec.TaskTemplate.ContainerSpec).toMatchObject({ Isolation: 'process', Mounts: [{ Type: 'bind', BindOptions: { Propagation: 'rshared' } }] });
});

const update = (query: string, body: object = { Name: 'held', TaskTemplate: { ContainerSpec: { Image: 'a' } } }) =>
  ['POST', `/services/held/update${query}`, body] as const;

test.each([
  [
    ...update('?version=18446744073709551616'),
    400,
    /^invalid service version '18446744073709551616': strconv.ParseUint: parsing "18446744073709551616": value out of range$/,
  ],
  ['POST', '/secrets/secret/update?version=18446744073709551616', { Name: 'secret' }, 400, /^invalid secret version$/],
  [...update('?version=1&rollback=previous'), 400, /FailedPrecondition desc = service \w+ does not have a previous spec$/],
  [...update('?version=1&registryAuthFrom=previous-spec'), 400, /^service does not have a previous spec$/],
  [...update('?version=1&registryAuthFrom=x'), 400, /^unsupported registryAuthFrom value$/],
  [...update('?version=1', { TaskTemplate: { ContainerSpec: { Image: 'a' } } }), 501, /renaming services is not supported$/],
  ['GET', '/services?status=x', undefined, 400, /^invalid value for status: x: strconv.ParseBool: parsing "x": invalid syntax$/],
  ['GET', '/services/held?insertDefaults=x', undefined, 400, /^invalid value for insertDefaults: x: strconv.ParseBool: parsing "x": invalid syntax$/],
  ['POST', '/swarm/update?version=1&rotateWorkerToken=x', {}, 400, /^invalid value for rotateWorkerToken: x$/],
  ['GET', '/configs?filters={"names":["a"]}', undefined, 400, /^Invalid filter 'names'$/],
  ['POST', '/nodes/NODE/update?version=1', {}, 400, /^invalid Role: ""$/],
  ['POST', '/networks/create', { Name: 'default', Driver: 'overlay' }, 403, /^operation is not permitted on predefined default network $/],
  ['POST', '/networks/create', { Name: 'n', Driver: 'overlay', Scope: 'local' }, 403, /^cannot downgrade network scope for overlay networks$/],
  ['POST', '/networks/create', { Name: ' ', Driver: 'overlay' }, 400, /^invalid name: {2}$/],
  ['POST', '/networks/create', { Name: 'x', Driver: 'OVERLAY', Scope: 'swarm' }, 404, /^plugin "OVERLAY" not found$/],
  ['GET', '/networks/INGRESS', undefined, 404, /^network INGRESS not found$/],
  ['POST', '/services/create', spec({}, {}, { Networks: [{ Target: 'INGRESS' }] }), 404, /^network INGRESS not found$/],
  ['POST', '/swarm/leave', undefined, 503, /Use `--force` to ignore this message. $/],
  ['GET', '/services/held/logs?stdout=1&since=x', undefined, 400, /^could not parse since timestamp: strconv.ParseInt: parsing "x": invalid syntax$/],
  ['GET', '/networks/ingress?scope=x', undefined, 404, /^network ingress not found$/],
  ['POST', '/services/create', spec({}, {}, { Networks: [{ Target: '' }] }), 404, /^network {2}not found$/],
] as const)('%s %s %j', async (method, path, body, status, message) => {
  const [node] = (await api.http('GET', '/nodes')).json;
  const reply = await api.http(method, encodeURI(path.replace('NODE', node.ID)), body);
  expect([reply.status, reply.json.message]).toEqual([status, expect.stringMatching(message)]);
});

test('what follows a JSON value is refused', async () => {
  const { status, json } = await api.http('POST', '/services/create', '{"Name":"x"} {"a":1}');
  expect([status, json.message]).toEqual([400, 'unexpected content after JSON']);
});

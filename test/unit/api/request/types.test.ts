/** What no client could read back, or Git could never have sent, is refused at the door and past it, with nothing stored. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createService } from '#control/service/services';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const template = (spec: object) => ({ Name: 'x', TaskTemplate: { ContainerSpec: { Image: 'a' }, ...spec } });

test.each([
  ['/services/create', template({ Resources: { Limits: { NanoCPUs: 1e29 } } }), /cannot unmarshal number 1e\+29 into .*NanoCPUs of type int64/],
  ['/services/create', template({ Resources: { Limits: { MemoryBytes: 2 ** 70 } } }), /MemoryBytes of type int64/],
  ['/services/create', template({ ForceUpdate: 2 ** 64 * 2 }), /ForceUpdate of type uint64/],
  ['/services/create', { ...template({}), UpdateConfig: { MaxFailureRatio: 1e39 } }, /MaxFailureRatio of type float32/],
  ['/services/create', { ...template({}), EndpointSpec: { Ports: [{ TargetPort: 2 ** 33 }] } }, /TargetPort of type uint32/],
  ['/services/create', { ...template({}), Labels: { a: '\ud800' } }, /lone surrogate/],
  ['/services/create', { ...template({}), Shoal: { DependsOn: 'x' } }, /Shoal.DependsOn of type list/],
  ['/services/create', template({ ContainerSpec: { Image: 'a:b:c' } }), /"a:b:c" is not a valid repository\/tag/],
  ['/secrets/create', { Name: 's', Data: 'not base64!' }, /^illegal base64 data at input byte 3$/],
  ['/configs/create', { Name: 's', Data: 'eA' }, /^illegal base64 data at input byte 0$/],
  ['/networks/create', { Name: 'n', Driver: 'overlay', Labels: { '\udfff': 'x' } }, /lone surrogate/],
  ['/shoal/v1/stacks/web', { Spec: { Secrets: [{ Name: 's', Data: '%' }] } }, /illegal base64/],
])('%s %j', async (path, body, message) => {
  const reply = await api.http('POST', path, body);
  expect([reply.status, reply.json.message]).toEqual([400, expect.stringMatching(message)]);
  for (const list of ['/services', '/secrets', '/configs']) expect((await api.http('GET', list)).json).toEqual([]);
});

test('a repository that is given nothing is refused, not failed over', async () => {
  expect((await api.http('POST', '/shoal/v1/repositories', {})).status).toBe(400);
  expect(api.complaints).toEqual([]);
});

test('a network without a name is refused by whoever makes it, not failed over', async () => {
  for (const Driver of ['bridge', 'overlay']) expect((await api.http('POST', '/networks/create', { Driver })).status, Driver).not.toBe(201);
  expect(api.complaints).toEqual([]);
});

test('a spec that comes from elsewhere than the door is held to the same table', () => {
  const spec = { Name: 'x', TaskTemplate: { ContainerSpec: { Image: 'a' }, Resources: { Limits: { NanoCPUs: 1e29 } } } };
  expect(() => api.cluster.run(createService(spec, {}))).toThrow('cannot unmarshal number 1e+29');
});

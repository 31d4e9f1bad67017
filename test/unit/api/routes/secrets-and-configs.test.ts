import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

const Data = Buffer.from('canary').toString('base64');

test.each(['secret', 'config'])('%s: create, look, relabel, remove', async (kind) => {
  const made = await api.http('POST', `/${kind}s/create`, { Name: 'one', Data, Labels: null });
  expect(made.status).toBe(201);
  const { Version } = (await api.http('GET', `/${kind}s/one`)).json;
  const relabelled = await api.http('POST', `/${kind}s/${made.json.ID}/update?version=${Version.Index}`, { Name: 'one', Labels: { a: 'b' } });
  expect([relabelled.status, relabelled.text]).toEqual([200, '']);
  expect((await api.http('GET', `/${kind}s/one`)).json.Spec.Labels).toEqual({ a: 'b' });
  const refused = await api.http('POST', `/${kind}s/one/update?version=999`, { Name: 'one', Labels: { a: 'c' } });
  expect(refused.json.message).toBe('rpc error: code = Unknown desc = update out of sequence');
  const again = await api.http('POST', `/${kind}s/create`, { Name: 'one', Data });
  expect([again.status, again.json.message]).toEqual([409, `rpc error: code = AlreadyExists desc = ${kind} one already exists`]);
  expect((await api.http('DELETE', `/${kind}s/one`)).status).toBe(204);
  const gone = await api.http('DELETE', `/${kind}s/one`);
  expect([gone.status, gone.json.message]).toEqual([404, `${kind} one not found`]);
});

test('the data of a secret is never shown, that of a config always', async () => {
  await api.http('POST', '/secrets/create', { Name: 's', Data });
  await api.http('POST', '/configs/create', { Name: 'c', Data });
  for (const path of ['/secrets', '/secrets/s']) expect((await api.http('GET', path)).text).not.toContain(Data);
  for (const path of ['/configs', '/configs/c']) expect((await api.http('GET', path)).text).toContain(Data);
});

test('names filter by beginning, `names` by the whole', async () => {
  for (const Name of ['app', 'app-2', 'other']) await api.http('POST', '/secrets/create', { Name, Data });
  const names = async (filters: string) =>
    (await api.http('GET', `/secrets?filters=${filters}`)).json.map((secret: { Spec: { Name: string } }) => secret.Spec.Name);
  expect(await names('{"name":["app"]}')).toEqual(['app', 'app-2']);
  expect(await names('{"names":["app"]}')).toEqual(['app']);
});

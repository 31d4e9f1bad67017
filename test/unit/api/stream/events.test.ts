import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

async function events(query: string): Promise<{ Type: string; Action: string; Actor: { ID: string; Attributes: Record<string, string> }; scope: string }[]> {
  const reply = await api.http('GET', `/events?${query}`);
  expect(reply.headers['content-type']).toBe('application/json');
  return reply.text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test('kept events are replayed, and the stream ends at `until`', async () => {
  await api.http('POST', '/configs/create', { Name: 'one', Data: 'eA==' });
  await api.http('DELETE', '/configs/one');
  const until = 'until=1767225601';
  const all = await events(`since=0&${until}`);
  expect(all.filter((event) => event.Type === 'config').map((event) => [event.Action, event.Actor.Attributes['name'], event.scope])).toEqual([
    ['create', 'one', 'swarm'],
  ]);
  expect(await events(until)).toEqual([]);
});

test.each([
  ['{"type":["service"]}', ['service']],
  ['{"event":["create"],"type":["config","service"]}', ['config', 'service']],
  ['{"config":["one"]}', ['config']],
  ['{"config":["on"]}', ['config']],
  ['{"service":["we"]}', ['service']],
  ['{"service":["eb"]}', []],
  ['{"service":["nobody"]}', []],
  ['{"scope":["local"]}', []],
  ['{"container":["x"]}', []],
])('filters %s', async (filters, types) => {
  await api.http('POST', '/configs/create', { Name: 'one', Data: 'eA==' });
  await api.http('POST', '/services/create', { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x' } } });
  expect((await events(`since=0&until=1767225601&filters=${filters}`)).map((event) => event.Type)).toEqual(types);
});

test('the beginning of an id will do, as `docker service ls` shows it', async () => {
  const { ID } = (await api.http('POST', '/services/create', { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x' } } })).json as { ID: string };
  const shown = await events(`since=0&until=1767225601&filters={"service":["${ID.slice(0, 12)}"]}`);
  expect(shown.map(({ Type, Actor }) => [Type, Actor.ID])).toEqual([['service', ID]]);
});

test('unknown filters and times are refused', async () => {
  expect((await api.http('GET', '/events?filters={"foo":["x"]}')).json).toEqual({ message: "Invalid filter 'foo'" });
  expect((await api.http('GET', '/events?since=soon')).status).toBe(400);
});

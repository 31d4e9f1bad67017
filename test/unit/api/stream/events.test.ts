import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { temporaryFolder } from '#test/support/folder';

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

test('an engine that is started again is followed on with: nothing else tells the client of it', async () => {
  const folder = await temporaryFolder();
  const since: (string | null)[] = [];
  const engine = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://engine');
    if (pathname !== '/events') return void response.writeHead(200, { 'Api-Version': '1.47' }).end('OK');
    since.push(searchParams.get('since'));
    response.write(`{"Type":"container","life":${since.length}}\n`);
    if (since.length === 1) response.end();
  });
  await new Promise<void>((resolve) => engine.listen(join(folder, 'engine.sock'), resolve));
  const followed = await startApi({ engineSocket: join(folder, 'engine.sock') });
  const lives = await new Promise<number[]>((resolve, reject) => {
    const seen: number[] = [];
    const request = httpRequest({ socketPath: followed.socketPath, path: '/events', agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.split('\n').filter(Boolean)) seen.push((JSON.parse(line) as { life: number }).life);
        if (seen.length < 2) return;
        request.destroy();
        resolve(seen);
      });
      response.on('end', () => reject(new Error('the stream ended with the engine')));
      response.on('error', () => undefined);
    });
    request.on('error', () => undefined).end();
  });
  expect(lives).toEqual([1, 2]);
  // What it told before is not told again.
  expect([since[0], Number(since[1]) > 0]).toEqual([null, true]);
  await followed.stop();
  engine.closeAllConnections();
  engine.close();
});

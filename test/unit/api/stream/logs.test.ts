import { Refusal } from '#base/refusal';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createService, updateService } from '#control/service/services';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { update } from '#store/action';
// @ts-ignore -- plain JavaScript
import { until } from '../../../support/machine.mjs';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

function line(text: string, stream: 'stdout' | 'stderr' = 'stdout') {
  return { stream, timestamp: '2026-01-01T00:00:00.5Z', text } as const;
}

/** A service of one replica whose task has these lines; its id and its task's. */
function service(tty = false): { id: string; taskId: string } {
  const { ID } = api.cluster.run(createService({ Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x:1', TTY: tty } } }));
  const [task] = api.cluster.store.tasksOfService(ID);
  return { id: ID, taskId: task?.ID ?? '' };
}

function follow(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest({ socketPath: api.socketPath, path, agent: false }, resolve).on('error', reject).end();
  });
}

test('frames carry stream and length', async () => {
  const { taskId } = service();
  api.logs.set(taskId, [line('out\n'), line('err\n', 'stderr')]);
  const reply = await api.http('GET', '/v1.47/services/web/logs?stdout=1&stderr=1&tail=all');
  expect(reply.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
  expect(reply.text).toBe('\u0001\0\0\0\0\0\0\u0004out\n\u0002\0\0\0\0\0\0\u0004err\n');
  expect((await api.http('GET', '/v1.41/services/web/logs?stdout=1')).headers['content-type']).toBe('application/vnd.docker.raw-stream');
});

test('a terminal gives raw bytes', async () => {
  const { taskId } = service(true);
  api.logs.set(taskId, [line('raw\n')]);
  const reply = await api.http('GET', `/tasks/${taskId}/logs?stdout=1`);
  expect([reply.headers['content-type'], reply.text]).toEqual(['application/vnd.docker.raw-stream', 'raw\n']);
});

test('the options reach the source', async () => {
  const { taskId } = service();
  api.logs.set(taskId, []);
  await api.http('GET', '/services/web/logs?stdout=1&tail=5&since=1767225600.500000000');
  expect(api.logRequests).toMatchObject([{ taskId, options: { stdout: true, stderr: false, follow: false, tail: 5, sinceMs: 1767225600500 } }]);
});

test('a time that no text of ours has is the last one that has', async () => {
  const { taskId } = service();
  api.logs.set(taskId, []);
  await api.http('GET', '/services/web/logs?stdout=1&since=99999999999999');
  expect(api.logRequests.map(({ options }) => options.sinceMs)).toEqual([Date.parse('9999-12-31T23:59:59Z')]);
});

test('what cannot be read is told at the end, in the words of Docker', async () => {
  const { taskId } = service();
  const reply = await api.http('GET', '/services/web/logs?stdout=1');
  expect(reply.text.slice(8)).toBe(
    `Error grabbing logs: rpc error: code = Unknown desc = warning: incomplete log stream. some logs could not be retrieved for the following reasons: task ${taskId}: node is not available\n`,
  );
  expect(reply.text.charCodeAt(0)).toBe(3);
});

test.each([
  ['tail=1', 500, 'Bad parameters: you must choose at least one stream'],
  ['stdout=1&tail=-3', 500, 'negative tail values not supported'],
  ['stdout=1&tail=few', 500, 'tail value must be a positive integer or "all"'],
])('refuses %s', async (query, status, message) => {
  service();
  const reply = await api.http('GET', `/services/web/logs?${query}`);
  expect([reply.status, reply.json.message]).toEqual([status, message]);
});

test('a task that is not healthy yet shows its lines, and one without a container has none', async () => {
  const { id, taskId } = service();
  api.logs.set(taskId, [line('why it does not come up\n')]);
  const [task] = api.cluster.store.tasksOfService(id);
  if (!task) throw new Error('there is no task');
  const starting = (ContainerID: string) => update('task', { ...task, Status: { ...task.Status, State: 'starting', ContainerStatus: { ContainerID } } });
  api.cluster.write([starting('')]);
  expect((await api.http('GET', '/services/web/logs?stdout=1')).text).toBe('');
  api.cluster.write([starting('c1')]);
  expect((await api.http('GET', '/services/web/logs?stdout=1')).text).toContain('why it does not come up');
});

test('following answers at once, hears new tasks, and ends with the client', async () => {
  const { id, taskId } = service();
  api.logs.set(taskId, [line('first\n')]);
  const stream = await follow('/services/web/logs?stdout=1&follow=1');
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  stream.on('error', () => undefined);
  await until(
    () => text.includes('first'),
    10_000,
    () => text,
  );
  const current = api.cluster.store.get('service', id);
  if (!current) throw new Error('service is not stored');
  api.cluster.run(updateService(id, current.Version.Index, { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x:2' } } }));
  const [next] = api.cluster.store.tasksOfService(id);
  if (!next) throw new Error('there is no new task');
  await until(
    () => api.logRequests.some((request) => request.taskId === next.ID),
    10_000,
    () => JSON.stringify(api.logRequests),
  );
  const asked = api.logRequests.length;
  stream.destroy();
  api.cluster.write([update('task', next)]);
  expect(api.logRequests).toHaveLength(asked);
});

test('a node that was cut off is followed on with from the last line that came: none is missing, none is there twice', async () => {
  const { taskId } = service();
  const at = (second: number) => ({ stream: 'stdout', timestamp: `2026-01-01T00:00:0${second}Z`, text: `line ${second}\n` }) as const;
  api.logs.get = () => (api.logRequests.length > 1 ? [at(2), at(3)] : [at(1), at(2)]);
  api.cutOff.add(taskId);
  const stream = await follow('/services/web/logs?stdout=1&follow=1&tail=5');
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  stream.on('error', () => undefined);
  await until(
    () => text.includes('line 3'),
    30_000,
    () => text,
  );
  expect(text.match(/line \d/g)).toEqual(['line 1', 'line 2', 'line 3']);
  expect(api.logRequests.map(({ options }) => [options.tail, options.sinceMs])).toEqual([
    [5, undefined],
    [undefined, Date.parse('2026-01-01T00:00:02Z')],
  ]);
  stream.destroy();
});

test('a node that was cut off from whoever leads no longer: the stream ends and says so, and nothing is left to fail', async () => {
  const { taskId } = service();
  api.logs.set(taskId, [line('hello\n')]);
  api.cutOff.add(taskId);
  const stream = await follow('/services/web/logs?stdout=1&follow=1');
  api.cluster.read = () => Promise.reject(new Refusal('unavailable', 'nobody leads'));
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  expect(text).toContain('hello');
  expect(text).toContain('warning: incomplete log stream');
});

test('the docker CLI prints whose line it is', async () => {
  const { taskId } = service();
  api.logs.set(taskId, [line('hello\n'), line('oops\n', 'stderr')]);
  const result = await api.docker('service', 'logs', 'web');
  expect(result.stdout).toBe(`web.1.${taskId.slice(0, 12)}@one    | hello\n`);
  expect(result.stderr).toBe(`web.1.${taskId.slice(0, 12)}@one    | oops\n`);
  const timed = await api.docker('service', 'logs', '--raw', '-t', taskId);
  expect(timed.stdout).toBe('2026-01-01T00:00:00.500000000Z hello\n');
});

test('many streams in one are no leak: nobody is warned of their listeners', async () => {
  const { ID } = api.cluster.run(createService({ Name: 'many', TaskTemplate: { ContainerSpec: { Image: 'x:1' } }, Mode: { Replicated: { Replicas: 14 } } }));
  const tasks = [...api.cluster.store.tasksOfService(ID)];
  for (const task of tasks) api.logs.set(task.ID, [line(`of ${task.ID}\n`)]);
  const warnings: string[] = [];
  const warned = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warned);
  try {
    const stream = await follow('/services/many/logs?stdout=1&follow=1');
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.on('error', () => undefined);
    await until(
      () => text.match(/of /g)?.length === tasks.length,
      30_000,
      () => text,
    );
    // Warnings are told in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve));
    stream.destroy();
  } finally {
    process.off('warning', warned);
  }
  expect([tasks.length, warnings]).toEqual([14, []]);
});

test('a service that has more tasks than are read at a time is read to its end', async () => {
  const { ID } = api.cluster.run(createService({ Name: 'many', TaskTemplate: { ContainerSpec: { Image: 'x:1' } }, Mode: { Replicated: { Replicas: 1100 } } }));
  const tasks = [...api.cluster.store.tasksOfService(ID)];
  for (const task of tasks) api.logs.set(task.ID, [line(`of ${task.ID}\n`)]);
  const { text } = await api.http('GET', '/services/many/logs?stdout=1');
  expect([tasks.length, text.match(/of /g)?.length]).toEqual([1100, 1100]);
});

/** Whatever belongs to the cluster never reaches the engine, however it is spelled: every spelling is sent as raw bytes to a server before an engine that records. */
import { connect } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bridgeName, networkIdLabel } from '#model/object/network';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { startRecordingEngine, type RecordingEngine } from '#test/support/recording-engine-socket';

const words = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs', 'shoal', 'metrics', 'healthz'];
const rests = ['', '/', '/init', '/x/update', '/create'];
const versions = [
  '',
  '/v1.41',
  '/v1.24',
  '/v1.047',
  '/v1.41.0',
  '/v1.',
  '/v1',
  '/v01.41',
  '/V1.41',
  '/v1.41/v1.41',
  '/v2.0',
  '/v1.99',
  '/%761.41',
  '/v1%2e41',
  '//v1.41',
  '/./v1.41',
];

function escaped(text: string, digits = (byte: string) => byte): string {
  return Array.from(text, (letter) => `%${digits(letter.charCodeAt(0).toString(16))}`).join('');
}

/** Ways to write one word so that some reader takes it for the word. */
function spellings(word: string): string[] {
  const first = `%${word.charCodeAt(0).toString(16)}${word.slice(1)}`;
  return [
    `/${word}`,
    `//${word}`,
    `///${word}`,
    `/./${word}`,
    `/../${word}`,
    `/x/../${word}`,
    `/x/%2e%2e/${word}`,
    `/x%2f..%2f${word}`,
    `/${first}`,
    `/${escaped(word)}`,
    `/${escaped(word, (byte) => byte.toUpperCase())}`,
    `/${first.replace('%', '%25')}`,
    `/${first.replace('%', '%2525')}`,
    `/%252e%252e/${word}`,
    `/x/%252e%252e/${word}`,
    `/%2f${word}`,
    `/%252f${word}`,
    `/\\${word}`,
    `/%5c${word}`,
    `/${word}\\x`,
    `/${word.toUpperCase()}`,
    `/${word[0]?.toUpperCase()}${word.slice(1)}`,
    `/${word};x=1`,
    `/${word}%3bx`,
    `/${word}#x`,
    `/${word}%23x`,
    `/${word}%3fx`,
  ];
}

let folder: string;
let api: ApiFixture;
let engine: RecordingEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-own-'));
  const socketPath = join(folder, 'engine.sock');
  const standIn = { Id: 'e'.repeat(64), Name: bridgeName('n1'), Scope: 'local', Driver: 'bridge', Labels: { [networkIdLabel]: 'n1' } };
  engine = await startRecordingEngine(socketPath, (request, response) => {
    const stands = request.method === 'GET' && new RegExp(`/networks/(${standIn.Name}|eeee)`).test(request.url ?? '');
    response.writeHead(stands ? 200 : 404).end(JSON.stringify(stands ? standIn : { message: 'page not found' }));
  });
  api = await startApi({ engineSocket: socketPath });
});

afterAll(async () => {
  await api.stop();
  await engine.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The bytes of many requests, each on a connection of its own; resolves with the status lines. */
async function sent(requests: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  for (let i = 0; i < requests.length; i += 64) {
    answers.push(...(await Promise.all(requests.slice(i, i + 64).map((text) => answerTo(text)))));
  }
  return answers;
}

function answerTo(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(api.socketPath);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
    socket.write(text, 'latin1');
  });
}

const plain = (method: string, target: string): string => `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
const upgrading = (target: string): string => `POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`;

test.each(words)(
  'no spelling of /%s reaches the engine',
  async (word) => {
    engine.seen.length = 0;
    const targets = spellings(word).flatMap((spelling) => versions.flatMap((version) => rests.map((rest) => `${version}${spelling}${rest}`)));
    const absolute = spellings(word).map((spelling) => `http://engine/v1.41${spelling}/init`);
    // A verb that no route knows: what is ours is not carried out, and everything else would be passed on.
    const answers = await sent([...targets, ...absolute].map((target) => plain('PUT', target)));
    expect(engine.seen).toEqual([]);
    expect(answers.filter((answer) => !/^HTTP\/1\.1 (400|404) /.test(answer))).toEqual([]);
  },
  120_000,
);

test('nor does an upgrade on any path but those of attach, exec and sessions, nor CONNECT', async () => {
  engine.seen.length = 0;
  const targets = [
    ...words.flatMap((word) => spellings(word).map((spelling) => `/v1.41${spelling}/init`)),
    '/networks/create',
    '/containers/create',
    '/networks/x/connect',
    '/networks/prune',
  ];
  const answers = await sent([...targets.map(upgrading), 'CONNECT /swarm/init HTTP/1.1\r\nHost: x\r\n\r\n', 'CONNECT engine:80 HTTP/1.1\r\nHost: x\r\n\r\n']);
  expect(engine.seen).toEqual([]);
  expect(answers.filter((answer) => /^HTTP\/1\.1 [23]/.test(answer))).toEqual([]);
});

test('a second request behind an upgrade that the engine did not take stays here', async () => {
  engine.seen.length = 0;
  await sent([`${upgrading('/v1.41/exec/x/start')}${plain('POST', '/v1.41/swarm/init')}`, `${upgrading('/session')}POST /swarm/init HTTP/1.1\r\n\r\n`]);
  expect(engine.seen.toSorted()).toEqual(['POST /session', 'POST /v1.41/exec/x/start']);
  const chunked = upgrading('/exec/x/start').replace('Content-Length: 0', 'Transfer-Encoding: chunked');
  expect(await sent([`${chunked}0\r\n\r\n${plain('POST', '/swarm/init')}`])).toEqual(['HTTP/1.1 411 Refused']);
  expect(engine.seen).toHaveLength(2);
});

test("what is the engine's arrives, written anew from what was understood", async () => {
  engine.seen.length = 0;
  await sent([
    plain('GET', '//v1.41/./images/h%3A5000%2Fa:1/json?x=%2f'),
    plain('GET', 'http://any/volumes/a%20b'),
    plain('HEAD', '/containers/x%2Fy/archive?path=%2F'),
  ]);
  expect(engine.seen).toEqual(['GET /v1.41/images/h:5000/a:1/json?x=%2f', 'GET /volumes/a%20b', 'HEAD /containers/x/y/archive?path=%2F']);
});

test('networks of the cluster are neither joined nor removed at the engine, by whatever name', async () => {
  const { ID } = (await api.http('POST', '/networks/create', { Name: 'web', Driver: 'overlay', Attachable: true })).json.Id
    ? { ID: (await api.http('GET', '/networks/web')).json.Id as string }
    : { ID: '' };
  engine.seen.length = 0;
  const refs = ['web', ID, ID.slice(0, 8), bridgeName('n1'), 'eeee'];
  for (const ref of refs) {
    for (const [path, body] of [
      [`/networks/${ref}/connect`, { Container: 'c' }],
      [`/networks/${ref}/disconnect`, { Container: 'c' }],
      ['/containers/create?name=x', { Image: 'a', HostConfig: { NetworkMode: ref } }],
      ['/containers/create', { Image: 'a', hostconfig: { networkmode: ref } }],
      ['/containers/create', { Image: 'a', NetworkingConfig: { EndpointsConfig: { [ref]: {} } } }],
      ['/containers/create', { Image: 'a', NetworkingConfig: { EndpointsConfig: { other: { NetworkID: ref } } } }],
    ] as const) {
      const reply = await api.http('POST', path, body);
      expect([path, ref, reply.status, reply.json.message]).toEqual([path, ref, 403, expect.stringMatching(/^network \S+ belongs to the cluster: /)]);
    }
  }
  for (const ref of [bridgeName('n1'), 'eeee']) expect((await api.http('DELETE', `/networks/${ref}`)).status).toBe(403);
  expect(engine.seen.filter((line) => !line.startsWith('GET '))).toEqual([]);
  await api.http('POST', '/containers/create', { Image: 'a', HostConfig: { NetworkMode: 'bridge' } });
  await api.http('POST', '/networks/plain/connect', { Container: 'c' });
  expect(engine.seen.filter((line) => !line.startsWith('GET '))).toEqual(['POST /containers/create', 'POST /networks/plain/connect']);
});

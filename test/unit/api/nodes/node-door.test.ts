/** What a manager gets of a node that asks for more than is shown, or for what is none of the cluster's. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineClient } from '#api/engine/engine-client';
import { Guard } from '#api/guard';
import { heardIn, listeningIn, lookIn } from '#api/nodes/network-look';
import { NodeDoor } from '#api/nodes/node-door';
import type { NetworkLook } from '#model/doctor/examination';
import { readText } from '#http/call';
import { socketEndpoint } from '#http/endpoint';
import { callOver } from '#http/over-connection';
import { wallClock } from '#test/support/api-fixture';
import { temporaryFolder } from '#test/support/folder';
import { startRecordingEngine, type RecordingEngine } from '#test/support/recording-engine-socket';
import { silentLogger } from '#test/support/silent-logger';

const [ours, foreign] = ['a'.repeat(64), 'b'.repeat(64)];
const [execHere, execForeign] = ['c'.repeat(64), 'd'.repeat(64)];
let engine: RecordingEngine;
let door: NodeDoor;
let asked: NetworkLook[];

beforeEach(async () => {
  const socket = join(await temporaryFolder(), 'engine.sock');
  engine = await startRecordingEngine(socket, (request, response) => {
    const [, exec] = /^\/exec\/([0-9a-f]+)\/json$/.exec(request.url ?? '') ?? [];
    response.writeHead(200).end(JSON.stringify(exec === undefined ? { Id: ours } : { ContainerID: exec === execHere ? ours : foreign }));
  });
  asked = [];
  door = new NodeDoor({
    isTask: (id) => id === ours,
    examine: async (look) => asked.push(look),
    engine: new EngineClient(socketEndpoint(socket), wallClock),
    guard: new Guard(silentLogger),
  });
});
afterEach(async () => {
  door.stop();
  await engine.stop();
});

async function ask(method: string, path: string, headers: [string, string][] = [], body?: object): Promise<[number | undefined, string]> {
  const bytes = body && Buffer.from(JSON.stringify(body));
  const answer = await callOver(door.open(), { method, path, headers: [['Host', 'node'], ...headers], body: bytes, signal: new AbortController().signal });
  return [answer.statusCode, await readText(answer, 10_000)];
}

test('what is shown of a task comes from the engine, in the version that both speak', async () => {
  expect(await ask('GET', `/v1.47/containers/${ours}/json?size=1`)).toEqual([200, `${JSON.stringify({ Id: ours })}\n`]);
  expect((await ask('POST', `/containers/${ours}/exec`))[0]).toBe(200);
  expect((await ask('POST', `/exec/${execHere}/resize?h=1&w=2`))[0]).toBe(200);
  expect(engine.seen).toEqual([
    `GET /v1.41/containers/${ours}/json?size=1`,
    `POST /containers/${ours}/exec`,
    `GET /exec/${execHere}/json`,
    `POST /exec/${execHere}/resize?h=1&w=2`,
  ]);
});

test('of a container that is no task nothing reaches the engine, and no command in one is started or asked about', async () => {
  for (const what of ['json', 'logs', 'stats', 'top']) expect((await ask('GET', `/containers/${foreign}/${what}`))[0]).toBe(404);
  expect((await ask('POST', `/containers/${foreign}/exec`))[0]).toBe(404);
  expect((await ask('GET', `/containers/${ours.slice(0, 12)}/json`))[0]).toBe(404);
  expect(engine.seen).toEqual([]);
  expect((await ask('POST', `/exec/${execForeign}/start`))[0]).toBe(404);
  const upgrade: [string, string][] = [['Upgrade', 'tcp']];
  expect((await ask('POST', `/exec/${execForeign}/start`, upgrade))[0]).toBe(404);
  expect(engine.seen).toEqual([`GET /exec/${execForeign}/json`, `GET /exec/${execForeign}/json`]);
});

test('what is not in the table is refused, whoever asks and however it is spelt', async () => {
  const asked = [
    ['POST', `/containers/${ours}/stop`],
    ['GET', `/containers/${ours}/archive?path=/`],
    ['DELETE', `/containers/${ours}`],
    ['GET', '/containers/json'],
    ['POST', '/containers/create'],
    ['GET', `/containers/${ours}/%2e%2e/json/../../json`],
    ['GET', `/images/json`],
    ['GET', '/swarm'],
    ['GET', '/shoal/v1/stacks'],
    ['GET', `/exec/..%2fcontainers%2f${foreign}/json`],
  ] as const;
  for (const [method, path] of asked)
    expect([path, (await ask(method, path))[0]]).toEqual([path, expect.toSatisfy((status) => [400, 403, 404].includes(status))]);
  for (const path of [`/containers/${ours}/attach`, '/session', '/grpc'])
    expect([path, (await ask('POST', path, [['Upgrade', 'tcp']]))[0]]).toEqual([path, 403]);
  expect(engine.seen).toEqual([]);
});

test('a look at the network is taken as it is asked for; what is no such look is refused', async () => {
  const peers = [{ nodeId: 'n2', name: 'two', address: '10.0.0.2' }];
  const looks = [{ what: 'listen' }, { what: 'send', peers }, { what: 'heard' }, { what: 'look', managers: ['10.0.0.1:2377'] }] as const;
  for (const body of looks) expect(await ask('POST', '/shoal/v1/node/network', [], body)).toEqual([200, expect.any(String)]);
  expect(asked).toEqual(looks);
  const many = Array.from({ length: 1001 }, () => '10.0.0.1:2377');
  for (const body of [{}, { what: 'listen', managers: 7 }, { what: 'look', managers: many }, { what: 'all' }])
    expect((await ask('POST', '/shoal/v1/node/network', [], body))[0]).toBe(400);
  expect((await ask('GET', '/shoal/v1/node/network'))[0]).toBe(403);
  expect(asked).toHaveLength(4);
});

test('what a node says that is no answer is refused, and what it says too much is cut', () => {
  expect(listeningIn({ address: '10.0.0.1', mtu: 1500, port: 4789 })).toEqual({ address: '10.0.0.1', mtu: 1500, port: 4789 });
  expect(heardIn([{ address: '10.0.0.1', arrived: 1500 }])).toEqual([{ address: '10.0.0.1', arrived: 1500, accepted: 0 }]);
  const finding = { level: 'error', check: 'mtu', text: 'x'.repeat(5000), advice: '' };
  const { findings, services } = lookIn({ findings: Array.from({ length: 500 }, () => finding), services: { a: '1' } });
  expect([findings.length, findings[0]?.text.length, services]).toEqual([100, 1000, { a: '1' }]);
  for (const answer of [{}, [], null, { address: 7 }, { address: 'x', mtu: 1e9, port: 1 }]) expect(() => listeningIn(answer)).toThrow();
  for (const answer of [{}, 'x', [7], [{ arrived: '1' }]]) expect(() => heardIn(answer)).toThrow();
  for (const answer of [{}, [], null, { findings: 7 }, { services: { a: 1 } }, { findings: [{ level: 'fatal' }], services: {} }])
    expect(() => lookIn(answer)).toThrow();
});

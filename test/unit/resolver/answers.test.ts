import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NameTable } from '#network/names';
import { Answers } from '#resolver/answers';
import { type Answerer, DnsServer } from '#resolver/dns/dns-server';
import { askByTcp, askByUdp, Upstream } from '#resolver/upstream';
import { endpointTask, serviceEndpoint } from '../../support/endpoints.ts';

const manyTasks = Array.from({ length: 60 }, (_, index) => endpointTask(`m${index}`, index + 1, true, `front 10.0.2.${index} many`));
const endpoints = [
  serviceEndpoint('web_api', [], [endpointTask('a', 1, true, 'front 10.0.1.5 api'), endpointTask('b', 2, true, 'front 10.0.1.6 api')]),
  serviceEndpoint('web_many', [], manyTasks),
];

let folder: string;
let answers: Answers;
const open: DnsServer[] = [];
let upstreamPort = 0;

/** Listens on a free port of 127.0.0.1 or of another loopback address. */
async function listen(address: string, answer: Answerer): Promise<number> {
  for (let port = 20_053; port < 20_153; port++) {
    try {
      open.push(await DnsServer.open({ address, port }, answer));
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Error('no free port');
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-resolver-'));
  upstreamPort = await listen('127.0.53.9', async (message) => {
    const query = decode(Buffer.from(message));
    const code = query.questions?.[0]?.name === 'gone.example' ? 3 : 0;
    return encode({ ...query, type: 'response', flags: code, answers: code ? [] : [{ type: 'A', name: 'up.example', data: '192.0.2.80' }] });
  });
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.53.9\n');
  answers = freshAnswers();
});
afterEach(() => {
  for (const server of open.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

function freshAnswers(): Answers {
  return new Answers(new Upstream({ file: join(folder, 'resolv.conf'), port: upstreamPort }));
}

async function ask(
  name: string,
  more: Pick<Packet, 'additionals'> & { asker?: string; type?: 'A' | 'AAAA' | 'PTR'; overUdp?: boolean } = {},
): Promise<Packet & { code: number; data: unknown[] }> {
  const { asker = '10.0.1.99', type = 'A', overUdp = true, ...packet } = more;
  const message = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type, name }], ...packet });
  const answer = await answers.answer(message, asker, 'front', overUdp);
  const decoded = decode(answer ?? Buffer.alloc(0));
  return { ...decoded, code: (decoded.flags ?? 0) & 15, data: (decoded.answers ?? []).map((record) => ('data' in record ? record.data : undefined)) };
}

test('our names: addresses that take turns, short lives, empty for other types', async () => {
  answers.use(new NameTable(endpoints), new Set());
  const first = await ask('API');
  expect(first).toMatchObject({ id: 7, code: 0 });
  expect(first.answers?.every((record) => 'ttl' in record && (record.ttl ?? 99) <= 5)).toBe(true);
  const second = await ask('api');
  expect(second.data).toEqual(first.data.toReversed());
  expect(await ask('api', { type: 'AAAA' })).toMatchObject({ code: 0, data: [] });
  expect((await ask('5.1.0.10.in-addr.arpa', { type: 'PTR' })).data).toEqual(['web_api.1.a']);
});

test('too long an answer is cut by UDP to what finds room, and is whole by TCP or with EDNS', async () => {
  answers.use(new NameTable(endpoints), new Set());
  const cut = await ask('many');
  expect(cut).toMatchObject({ flag_tc: true });
  expect([cut.data.length, new Set(cut.data).size]).toEqual([30, 30]);
  expect((await ask('many', { overUdp: false })).data).toEqual(expect.arrayContaining(cut.data));
  expect((await ask('many', { overUdp: false })).data).toHaveLength(60);
  const edns = { type: 'OPT', name: '.', udpPayloadSize: 4096, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] } satisfies Answer;
  expect((await ask('many', { additionals: [edns] })).data).toHaveLength(60);
});

test('a long name takes no room from its answers, however it is written', async () => {
  const long = `web_${'x'.repeat(58)}`;
  const tasks = Array.from({ length: 25 }, (_, index) => endpointTask(`l${index}`, index + 1, true, `front 10.0.2.${index} ${long}`));
  answers.use(new NameTable([serviceEndpoint(long, [], tasks)]), new Set());
  for (const name of [`tasks.${long}`, `Tasks.${long}`.toUpperCase()]) expect(await ask(name)).toMatchObject({ flag_tc: false, data: { length: 25 } });
});

test('other names come from the host’s resolvers', async () => {
  answers.use(new NameTable(endpoints), new Set());
  expect(await ask('up.example')).toMatchObject({ id: 7, data: ['192.0.2.80'] });
  expect((await ask('up.example', { overUdp: false })).data).toEqual(['192.0.2.80']);
  expect((await ask('gone.example')).code).toBe(3);
  expect(answers.counters).toEqual({ answered: 0, forwarded: 3, failed: 0 });
});

test('who has servers of his own is answered by them, and everybody else by the host’s', async () => {
  open.push(
    await DnsServer.open({ address: '127.0.53.8', port: upstreamPort }, async (message) => {
      const query = decode(Buffer.from(message));
      return encode({ ...query, type: 'response', answers: [{ type: 'A', name: 'up.example', data: '192.0.2.81' }] });
    }),
  );
  answers.use(new NameTable(endpoints), new Set(), { asks: new Map([['10.0.1.99', ['127.0.53.8']]]) });
  const asked = await Promise.all([ask('up.example'), ask('up.example', { asker: '10.0.1.5' }), ask('api')]);
  expect(asked.map(({ data }) => (data.length === 1 ? data[0] : data.length))).toEqual(['192.0.2.81', '192.0.2.80', 2]);
});

test('whose engine goes on to servers of its own is refused what is not ours, and has our names', async () => {
  answers.use(new NameTable(endpoints), new Set(), { asks: new Map([['10.0.1.99', []]]) });
  expect([(await ask('up.example')).code, (await ask('gone.example')).code]).toEqual([5, 5]);
  expect((await ask('api')).data.length).toBe(2);
  expect((await ask('up.example', { asker: '10.0.1.5' })).data).toEqual(['192.0.2.80']);
});

test('a task of another host that is on a network that is not here, too, is denied no name, and has those that are known', async () => {
  const far = serviceEndpoint('far', [], [endpointTask('f', 1, true, 'front 10.0.1.7', 'back 10.0.9.7')]);
  answers.use(new NameTable([...endpoints, far]), new Set(), { here: new Set(['front']) });
  const from = async (asker: string) => [
    (await ask('gone.example', { asker })).code,
    (await ask('up.example', { asker })).data[0],
    (await ask('api', { asker })).data.length,
  ];
  expect(await from('10.0.1.7')).toEqual([2, '192.0.2.80', 2]);
  expect(await from('10.0.1.5')).toEqual([3, '192.0.2.80', 2]);
});

test('before the first table no name is denied', async () => {
  expect((await ask('gone.example')).code).toBe(2);
  expect((await ask('up.example')).data).toEqual(['192.0.2.80']);
});

test('no resolver, or only ourselves: a failure, not a circle', async () => {
  answers.use(new NameTable(endpoints), new Set(['127.0.53.9']));
  expect((await ask('up.example')).code).toBe(2);
  answers.use(new NameTable(endpoints), new Set(['127.0.53.9', '127.0.53.1']));
  expect((await ask('up.example', { asker: '127.0.53.1' })).code).toBe(5);
  rmSync(join(folder, 'resolv.conf'));
  answers = freshAnswers();
  expect((await ask('up.example')).code).toBe(2);
});

test('a changed resolv.conf is read', async () => {
  writeFileSync(join(folder, 'resolv.conf'), '');
  expect((await ask('up.example')).code).toBe(2);
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.53.9\n');
  // Looked at with the first query after a second, or when the addresses that are our own change.
  answers.use(new NameTable(), new Set());
  expect((await ask('up.example')).data).toEqual(['192.0.2.80']);
});

test('forged messages get no answer', async () => {
  const query = encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'api' }] });
  const forged = [query.subarray(0, 10), Buffer.alloc(40, 0xff), Buffer.from(query), Buffer.from(query), Buffer.from(query)];
  forged[2]?.writeUInt16BE(0x8000, 2);
  forged[3]?.writeUInt16BE(60_000, 6);
  forged[4]?.writeUInt16BE(2, 4);
  for (const message of forged) expect(await answers.answer(message, '10.0.1.99', 'front', true)).toBeUndefined();
});

test('over the wire: by UDP and by TCP', async () => {
  answers.use(new NameTable(endpoints), new Set());
  const port = await listen('127.0.53.1', (message, asker, overUdp) => answers.answer(message, asker, 'front', overUdp));
  const query = encode({ type: 'query', id: 9, questions: [{ type: 'A', name: 'many' }] });
  expect(decode((await askByUdp(query, '127.0.53.1', port)) ?? Buffer.alloc(0)).flag_tc).toBe(true);
  expect(decode((await askByTcp(query, '127.0.53.1', port)) ?? Buffer.alloc(0)).answers).toHaveLength(60);
});

/** What raft may rely on of a transport: held by the simulated wire and by gRPC over mTLS alike. */
import { createHash } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import type { Configuration, Entry, InstallSnapshot, Message } from '#raft/message';
import type { Receiver, Transport } from '#raft/transport';
import { validate } from '#raft/validate';
import { clientCredentials } from '#rpc/credentials';
import { RaftMessage, RaftServiceClient } from '#rpc/generated/shoal/v1/raft';
import { TestAuthority } from '#test/support/cluster-certificates';
import { Wire } from '#test/support/driver/wire';
import { WorldTime } from '#test/support/driver/world-clock';
import { CuttableWire, openDoor } from '#test/support/raft-lines';

interface Bench {
  /** A started transport of `id`. */
  open(id: string, receiver: Receiver): Promise<Transport>;
  /** All know where all are. */
  introduce(): void;
  /** Waits for `is`, however this transport's time passes. */
  until(is: () => boolean): Promise<void>;
  settled<T>(work: Promise<T>): Promise<T>;
  close(id: string): Promise<void>;
}

class Heard implements Receiver {
  readonly messages: Message[] = [];
  readonly froms = new Set<string>();
  readonly snapshots: { message: InstallSnapshot; text: string }[] = [];
  refuse = false;

  message(from: string, message: unknown): void {
    this.froms.add(from);
    this.messages.push(message as Message);
  }

  async snapshot(_from: string, message: unknown, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    if (this.refuse) throw new Error('the disk is full');
    this.snapshots.push({ message: message as InstallSnapshot, text: Buffer.concat(all).toString('latin1') });
  }

  unreachable(): void {}
  reachable(): void {}
}

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.begin();
});

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function realUntil(is: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !is();) {
    if (Date.now() > end) throw new Error('not within a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function configurationOf(addresses: Record<string, string>): Configuration {
  return { voters: Object.keys(addresses).toSorted(), learners: [], addresses };
}

function realBench(): Bench {
  const doors = new Map<string, Awaited<ReturnType<typeof openDoor>>>();
  return {
    async open(id, receiver) {
      const door = await openDoor(authority, id);
      doors.set(id, door);
      stops.push(door.stop);
      await door.transport.start(receiver);
      return door.transport;
    },
    introduce() {
      const configuration = configurationOf(Object.fromEntries([...doors.values()].map(({ id, address }) => [id, address])));
      for (const { transport } of doors.values()) transport.members(configuration);
    },
    until: realUntil,
    settled: (work) => work,
    close: async (id) => await doors.get(id)?.stop(),
  };
}

function simulatedBench(): Bench {
  const time = new WorldTime(seededRandom(1, 'ties'));
  const wire = new Wire(time, seededRandom(1, 'wire'));
  const transports = new Map<string, Transport>();
  const pass = async (is: () => boolean): Promise<void> => {
    for (let rounds = 0; !is() && rounds < 2000; rounds++) await time.run(10);
    expect(is()).toBe(true);
  };
  return {
    async open(id, receiver) {
      const transport = wire.transport(id, { alive: true });
      transports.set(id, transport);
      await transport.start(receiver);
      return transport;
    },
    introduce: () => undefined,
    until: pass,
    async settled(work) {
      let done = false;
      const end = (): void => void (done = true);
      work.then(end, end);
      await pass(() => done);
      return await work;
    },
    close: async (id) => await transports.get(id)?.stop(),
  };
}

const entry = (index: number, bytes: Uint8Array): Entry => ({ term: 2, index, kind: 'normal', bytes });
const append = (from: string, to: string, entries: readonly Entry[]): Message => ({
  type: 'append',
  from,
  to,
  term: 2,
  prevIndex: 6,
  prevTerm: 2,
  entries,
  commit: 5,
});
const heartbeat = (from: string, to: string, readSequence: number) => ({ type: 'heartbeat', from, to, term: 2, commit: 3, readSequence }) as const;
const install = (from: string, to: string): InstallSnapshot => ({
  type: 'snapshot',
  from,
  to,
  term: 2,
  meta: { index: 40, term: 2, configuration: { voters: ['a', 'b'], learners: ['c'] } },
});

async function* pieces(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield Buffer.alloc(bytes, 65 + (at % 26));
}

function textOf(count: number, bytes: number): string {
  return Array.from({ length: count }, (_, at) => String.fromCharCode(65 + (at % 26)).repeat(bytes)).join('');
}

/** A message in short, its keys in order. */
function plain(message: Message): string {
  const bytes = (value: Uint8Array): string => createHash('sha256').update(value).digest('hex');
  const entries = message.type === 'append' ? message.entries.map((each) => ({ ...each, bytes: bytes(each.bytes) })) : [];
  return JSON.stringify(Object.entries({ ...message, entries }).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Says heartbeats until one is heard: a transport may lose the first ones. */
async function meet(bench: Bench, from: [string, Transport], to: [string, Heard]): Promise<void> {
  let sequence = 0;
  await bench.until(() => {
    from[1].send(heartbeat(from[0], to[0], ++sequence));
    return to[1].froms.has(from[0]);
  });
}

describe.each([
  ['the simulated wire', simulatedBench],
  ['gRPC', realBench],
] as const)('%s', (_name, makeBench) => {
  test('carries every type of message as it was said, its sender vouched for', async () => {
    const bench = makeBench();
    const heard = new Heard();
    const a = await bench.open('a', new Heard());
    await bench.open('b', heard);
    bench.introduce();
    await meet(bench, ['a', a], ['b', heard]);
    const way = { from: 'a', to: 'b', term: 2 } as const;
    const said: Exclude<Message, InstallSnapshot>[] = [
      { ...way, type: 'preVote', lastIndex: 4, lastTerm: 1, commit: 3, commitTerm: 1, transfer: false },
      { ...way, type: 'vote', lastIndex: 4, lastTerm: 1, commit: 3, commitTerm: 1, transfer: true },
      { ...way, type: 'preVoteReply', granted: false, commit: 3, commitTerm: 1 },
      { ...way, type: 'voteReply', granted: true, commit: 3, commitTerm: 1 },
      append('a', 'b', [entry(7, Buffer.from('seven')), { ...entry(8, Buffer.alloc(0)), kind: 'configuration' }, entry(9, Buffer.alloc(300_000, 9))]) as never,
      { ...way, type: 'appendReply', index: 6, rejected: true, hintIndex: 4, hintTerm: 1, commit: 3 },
      { ...way, type: 'heartbeatReply', readSequence: 4 },
      { ...way, type: 'timeoutNow' },
      { ...way, type: 'readIndex', requestId: 'a-1' },
      { ...way, type: 'readIndexReply', requestId: 'a-1', index: 6 },
    ];
    for (const message of said) {
      const before = heard.messages.length;
      a.send(message);
      await bench.until(() => heard.messages.slice(before).some(({ type }) => type === message.type));
      const found = heard.messages.slice(before).find(({ type }) => type === message.type);
      expect(validate(found, { from: 'a', to: 'b' })).toBeUndefined();
      expect(plain(found as Message)).toBe(plain(message));
    }
    expect([...heard.froms]).toEqual(['a']);
  });

  test('carries a snapshot whole and says so when it is stored; one that is not stored is said as well', async () => {
    const bench = makeBench();
    const heard = new Heard();
    const a = await bench.open('a', new Heard());
    await bench.open('b', heard);
    bench.introduce();
    expect(await bench.settled(a.sendSnapshot(install('a', 'b'), pieces(30, 100_000)))).toBe(true);
    expect(heard.snapshots.map(({ message }) => message)).toEqual([install('a', 'b')]);
    expect(heard.snapshots[0]?.text === textOf(30, 100_000)).toBe(true);
    heard.refuse = true;
    expect(await bench.settled(a.sendSnapshot(install('a', 'b'), pieces(1, 10)))).toBe(false);
    expect(heard.snapshots.length).toBe(1);
  });

  test('does not throw, and always answers, where nobody is', async () => {
    const bench = makeBench();
    const a = await bench.open('a', new Heard());
    bench.introduce();
    a.send(heartbeat('a', 'nobody', 1));
    expect(await bench.settled(a.sendSnapshot(install('a', 'nobody'), pieces(1, 10)))).toBe(false);
  });

  test('hands nothing in after it was stopped', async () => {
    const bench = makeBench();
    const heard = new Heard();
    const a = await bench.open('a', new Heard());
    await bench.open('b', heard);
    bench.introduce();
    await meet(bench, ['a', a], ['b', heard]);
    await bench.close('b');
    const before = heard.messages.length;
    a.send(heartbeat('a', 'b', 99));
    expect(await bench.settled(a.sendSnapshot(install('a', 'b'), pieces(1, 10)))).toBe(false);
    expect([heard.messages.length, heard.snapshots.length]).toEqual([before, 0]);
  });
});

test('the largest entry arrives in pieces, and what is said on the other line beside it as well', async () => {
  const bench = realBench();
  const heard = new Heard();
  const a = await bench.open('a', new Heard());
  await bench.open('b', heard);
  bench.introduce();
  await meet(bench, ['a', a], ['b', heard]);
  const bytes = Buffer.alloc(64 * 1024 * 1024, 'large');
  await realUntil(() => {
    a.send(append('a', 'b', [entry(7, Buffer.from('x'))]) as never);
    return heard.messages.some(({ type }) => type === 'append');
  });
  a.send(append('a', 'b', [entry(7, Buffer.from('small')), entry(8, bytes)]) as never);
  a.send(heartbeat('a', 'b', 1000));
  const large = (): Message | undefined => heard.messages.find((message) => message.type === 'append' && message.entries.length === 2);
  await realUntil(() => large() !== undefined && heard.messages.some((message) => message.type === 'heartbeat' && message.readSequence === 1000));
  const found = large();
  expect(found?.type === 'append' && Buffer.from(found.entries[1]?.bytes ?? []).equals(bytes)).toBe(true);
});

test('a manager that is not known yet is answered on the line that it opened', async () => {
  const heard = new Heard();
  const joiner = new Heard();
  const [a, b] = await Promise.all([openDoor(authority, 'a'), openDoor(authority, 'b')]);
  stops.push(a.stop, b.stop);
  await a.transport.start(heard);
  await b.transport.start(joiner);
  a.transport.members(configurationOf({ a: a.address, b: b.address }));
  const bench = { ...realBench(), until: realUntil };
  await meet(bench, ['a', a.transport], ['b', joiner]);
  await meet(bench, ['b', b.transport], ['a', heard]);
});

test('lines that break are made anew, to another address as well', async () => {
  const heard = new Heard();
  const a = await openDoor(authority, 'a');
  const b = await openDoor(authority, 'b');
  const wire = await CuttableWire.to(b.address);
  stops.push(a.stop, b.stop, () => wire.stop());
  await a.transport.start(new Heard());
  await b.transport.start(heard);
  a.transport.members(configurationOf({ a: a.address, b: wire.address }));
  const bench = { ...realBench(), until: realUntil };
  await meet(bench, ['a', a.transport], ['b', heard]);
  wire.break();
  heard.froms.clear();
  await meet(bench, ['a', a.transport], ['b', heard]);
  wire.cut();
  a.transport.members(configurationOf({ a: a.address, b: b.address }));
  heard.froms.clear();
  await meet(bench, ['a', a.transport], ['b', heard]);
});

test('a snapshot whose line breaks on the way goes on where the receiver is', async () => {
  const heard = new Heard();
  const a = await openDoor(authority, 'a');
  const b = await openDoor(authority, 'b');
  const wire = await CuttableWire.to(b.address);
  stops.push(a.stop, b.stop, () => wire.stop());
  await a.transport.start(new Heard());
  await b.transport.start(heard);
  a.transport.members(configurationOf({ a: a.address, b: wire.address }));
  let breaks = 0;
  wire.onBytes = () => {
    if (breaks >= 2 || wire.carried < 3_000_000 * (breaks + 1)) return;
    breaks++;
    wire.break();
  };
  let asked = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces(100, 100_000)) {
      asked++;
      yield piece;
    }
  }
  expect(await a.transport.sendSnapshot(install('a', 'b'), counted())).toBe(true);
  expect(breaks).toBe(2);
  expect(asked).toBe(100);
  expect(heard.snapshots.map(({ text }) => text === textOf(100, 100_000))).toEqual([true]);
});

test('a snapshot needs no connection of its own where entries have one', async () => {
  const heard = new Heard();
  const a = await openDoor(authority, 'a');
  const b = await openDoor(authority, 'b');
  const wire = await CuttableWire.to(b.address);
  stops.push(a.stop, b.stop, () => wire.stop());
  await a.transport.start(new Heard());
  await b.transport.start(heard);
  a.transport.members(configurationOf({ a: a.address, b: wire.address }));
  await expect.poll(() => wire.made, { timeout: 30_000 }).toBe(2);
  expect(await a.transport.sendSnapshot(install('a', 'b'), pieces(3, 100))).toBe(true);
  expect(wire.made).toBe(2);
});

test('whoever means another manager, or is of another life of the cluster, is told so', async () => {
  const b = await openDoor(authority, 'b', { incarnation: 2 });
  stops.push(b.stop);
  await b.transport.start(new Heard());
  const ask = async (to: string, incarnation: string): Promise<string> => {
    const client = new RaftServiceClient(b.address, clientCredentials(await authority.node('a', 'manager')));
    const metadata = new Metadata();
    metadata.set('shoal-to', to);
    metadata.set('shoal-incarnation', incarnation);
    const error = await new Promise<Error>((resolve) => client.pulse(metadata).on('error', resolve));
    client.close();
    return error.message;
  };
  expect(await ask('c', '2')).toContain('this is manager b, not c');
  expect(await ask('b', '1')).toContain('the cluster was made anew since: a is of its incarnation 1, and this manager of 2');
});

test('frames that make no sense end their line only', async () => {
  const heard = new Heard();
  const [a, b] = await Promise.all([openDoor(authority, 'a'), openDoor(authority, 'b')]);
  stops.push(a.stop, b.stop);
  await a.transport.start(new Heard());
  await b.transport.start(heard);
  a.transport.members(configurationOf({ a: a.address, b: b.address }));
  const client = new RaftServiceClient(b.address, clientCredentials(await authority.node('hostile', 'manager')));
  const metadata = new Metadata();
  metadata.set('shoal-to', 'b');
  metadata.set('shoal-incarnation', '1');
  const nothing = { ...RaftMessage.decode(new Uint8Array(0)), type: 'append', term: 1 };
  const hostile = [
    { frame: { $case: 'piece', value: Buffer.from('of nothing') } },
    { frame: undefined },
    { frame: { $case: 'message', value: { ...nothing, entries: [{ term: 1, index: 1, kind: 'normal', bytes: Buffer.alloc(0), following: 2 ** 40 }] } } },
  ];
  for (const frame of hostile) {
    const call = client.entries(metadata);
    const over = new Promise((resolve) =>
      call
        .on('error', resolve)
        .on('end', resolve)
        .on('data', () => undefined),
    );
    call.write(frame as never);
    await over;
  }
  const junk = client.pulse(metadata).on('error', () => undefined);
  junk.write({ frame: { $case: 'message', value: { ...nothing, type: '__proto__' } } } as never);
  await realUntil(() => heard.messages.some(({ type }) => (type as string) === '__proto__'));
  expect(
    validate(
      heard.messages.find(({ type }) => (type as string) === '__proto__'),
      { from: 'hostile', to: 'b' },
    ),
  ).toBeDefined();
  for (const frame of [{ frame: undefined }, { frame: { $case: 'end', value: { bytes: 0, digest: Buffer.alloc(0) } } }]) {
    const call = client.snapshot(metadata);
    const over = new Promise((resolve) =>
      call
        .on('error', resolve)
        .on('end', resolve)
        .on('data', () => undefined),
    );
    call.write(frame as never);
    await over;
  }
  junk.cancel();
  client.close();
  const bench = { ...realBench(), until: realUntil };
  await meet(bench, ['a', a.transport], ['b', heard]);
});

import { readdir, rm, writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encode } from '#base/codec';
import { seededRandom } from '#base/random';
import { realFileSystem } from '#disk/file-system';
import type { Initial } from '#raft/core';
import type { Receiver, Transport } from '#raft/transport';
import { Replica } from '#replica/replica';
import type { StateMachine } from '#replica/replicated-log';
import type { StableStorage } from '#replica/stable-storage';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';
import { temporaryFolder } from '#test/support/folder';
import { makeLog } from '#test/support/replicated-log';
import { VirtualClock } from '#test/support/virtual-clock';
import { until } from '../../support/machine.mjs';

const text = (value: string): Uint8Array => Buffer.from(value);

test('a proposal is applied when it resolves, and is there again after a restart', async () => {
  const folder = await temporaryFolder();
  const first = makeLog(folder);
  await first.log.start();
  expect(first.log.leads()).toBe(true);
  await first.propose(text('a'));
  expect(first.machine.texts).toEqual(['a']);
  await first.propose(text('b'));
  await first.log.readIndex();
  await first.log.stop();
  expect(first.log.leads()).toBe(false);

  const second = makeLog(folder);
  await second.log.start();
  expect(second.machine.texts).toEqual(['a', 'b']);
  await second.log.stop();
});

test('concurrent proposals share writes and are applied in the order they were made', async () => {
  const folder = await temporaryFolder();
  let writes = 0;
  const files = { ...realFileSystem, write: (file: number, bytes: Buffer, position: number) => (writes++, realFileSystem.write(file, bytes, position)) };
  const { log, propose, machine } = makeLog(folder, {}, files);
  await log.start();
  const before = writes;
  const texts = Array.from({ length: 500 }, (_, at) => String(at));
  await Promise.all(texts.map((one) => propose(text(one))));
  expect(machine.texts).toEqual(texts);
  expect(writes - before).toBeLessThan(10);
  await log.stop();
});

test('snapshots are taken as entries come, old segments go, and a restart starts from the newest', async () => {
  const folder = await temporaryFolder();
  const small = { snapshotEntries: 20, segmentBytes: 2000 };
  const first = makeLog(folder, small);
  await first.log.start();
  const texts = Array.from({ length: 200 }, (_, at) => `entry ${at}`);
  for (const one of texts) await first.propose(text(one));
  await first.log.stop();
  const names = await readdir(folder);
  expect(names.filter((name) => name.startsWith('snapshot-')).length).toBe(2);
  expect(names).not.toContain('log-000000000001');

  const second = makeLog(folder, small);
  await second.log.start();
  expect(second.machine.restoredAt).toBeGreaterThan(100);
  expect(second.machine.texts).toEqual(texts);
  await second.log.stop();
});

test('a damaged newest snapshot is replaced by the one before and its log', async () => {
  const folder = await temporaryFolder();
  const first = makeLog(folder, { snapshotEntries: 20 });
  await first.log.start();
  const texts = Array.from({ length: 100 }, (_, at) => `entry ${at}`);
  for (const one of texts) await first.propose(text(one));
  await first.log.stop();
  const newest = join(
    folder,
    (await readdir(folder))
      .filter((name) => name.startsWith('snapshot-'))
      .sort()
      .at(-1) ?? '',
  );
  const bytes = await readFile(newest);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(newest, bytes);

  const second = makeLog(folder);
  await second.log.start();
  expect(second.machine.texts).toEqual(texts);
  await second.log.stop();
});

test('a failed write is fatal once: waiting and later proposals are refused and nothing is retried', async () => {
  const folder = await temporaryFolder();
  let broken = false;
  let writes = 0;
  const files = {
    ...realFileSystem,
    write: (file: number, bytes: Buffer, position: number) => {
      writes++;
      return broken ? Promise.reject(new Error('EIO: i/o error, write')) : realFileSystem.write(file, bytes, position);
    },
  };
  const { log, propose, fatal, machine } = makeLog(folder, {}, files);
  await log.start();
  await propose(text('good'));
  broken = true;
  writes = 0;
  await expect(propose(text('bad'))).rejects.toMatchObject({ code: 'unavailable' });
  await expect(propose(text('late'))).rejects.toMatchObject({ code: 'unavailable' });
  expect(fatal.map((error) => error.message)).toEqual(['EIO: i/o error, write']);
  expect(writes).toBe(1);
  expect(machine.texts).toEqual(['good']);
  expect(log.leads()).toBe(false);
  await log.stop();
});

test('what fails while it is stopped ends nobody: the node goes on without being a manager', async () => {
  const folder = await temporaryFolder();
  let broken = false;
  const files = {
    ...realFileSystem,
    write: (...asked: Parameters<typeof realFileSystem.write>) => (broken ? Promise.reject(new Error('ENOENT: no such file')) : realFileSystem.write(...asked)),
  };
  const { log, propose, fatal } = makeLog(folder, {}, files);
  await log.start();
  await propose(text('good'));
  broken = true;
  await log.stop();
  expect(fatal).toEqual([]);
  await expect(propose(text('late'))).rejects.toMatchObject({ code: 'unavailable' });
});

test('on a full disk changes are refused by name, reads go on, and it takes changes again by itself', async () => {
  const folder = await temporaryFolder();
  let full = false;
  const files = {
    ...realFileSystem,
    write: (file: number, bytes: Buffer, at: number) =>
      full ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })) : realFileSystem.write(file, bytes, at),
  };
  const diskClock = new VirtualClock();
  const { log, propose, machine, fatal } = makeLog(folder, { diskClock }, files);
  await log.start();
  await propose(text('before'));
  full = true;
  const waiting = propose(text('meanwhile'));
  await until(
    () => log.full !== undefined,
    10_000,
    () => 'the disk is not called full',
  );
  await expect(propose(text('refused'))).rejects.toMatchObject({ code: 'unavailable', facts: { reason: 'diskFull' } });
  await log.readIndex();
  full = false;
  await until(
    async () => (await diskClock.advance(1000), log.full === undefined),
    10_000,
    () => 'there is space, and it is not seen',
  );
  await waiting;
  await propose(text('after'));
  await log.stop();
  expect([machine.texts, fatal]).toEqual([['before', 'meanwhile', 'after'], []]);
});

test('entries above the limit are refused', async () => {
  const { log, propose } = makeLog(await temporaryFolder(), { maxEntryBytes: 10 });
  await log.start();
  await expect(propose(new Uint8Array(11))).rejects.toMatchObject({ code: 'invalidArgument' });
  await propose(new Uint8Array(10));
  await log.stop();
});

test('state of another node, a missing key and a wrong key are refused with a clear text', async () => {
  const folder = await temporaryFolder();
  const first = makeLog(folder);
  await first.log.start();
  await first.propose(text('a'));
  await first.log.stop();
  await expect(makeLog(folder, { nodeId: 'manager-2' }).log.start()).rejects.toThrow(/belongs to manager manager-1, not to manager-2/);
  const key = await readFile(join(folder, 'key'));
  await writeFile(join(folder, 'key'), Buffer.alloc(32, 7));
  await expect(makeLog(folder).log.start()).rejects.toThrow(/sealed with another key/);
  await rm(join(folder, 'key'));
  await expect(makeLog(folder).log.start()).rejects.toThrow(/key file .* is missing/);
  await writeFile(join(folder, 'key'), key, { mode: 0o600 });
  const again = makeLog(folder);
  await again.log.start();
  expect(again.machine.texts).toEqual(['a']);
  await again.log.stop();
});

test('a manager whose newest snapshot knows it as the only voter starts where the others agree by now and another leads', async () => {
  const initial: Initial = {
    hardState: { term: 3, vote: undefined, commit: 8 },
    snapshot: { index: 7, term: 3, configuration: { voters: ['a'], learners: ['b'] } },
    entries: [{ index: 8, term: 3, kind: 'configuration', bytes: encode({ type: 'addVoter', id: 'b' }) }],
  };
  const storage = { full: undefined, write: async () => undefined, close: async () => undefined } as unknown as StableStorage;
  let receiver: Receiver | undefined;
  const transport: Transport = {
    start: async (given) => void (receiver = given),
    members: () => undefined,
    send: () => undefined,
    sendSnapshot: async () => false,
    stop: async () => undefined,
  };
  const stateMachine: StateMachine = { apply: () => ({ applied: true }), snapshot: () => [], restore: async () => undefined };
  const log = new Replica(
    { nodeId: 'a' },
    {
      clock: realClock,
      random: seededRandom(1),
      logger: silentLogger,
      stateMachine,
      transport,
      openStorage: async () => ({ storage, initial, state: [], warnings: [] }),
      onFatal: () => undefined,
    },
  );
  const started = log.start();
  await until(
    () => receiver !== undefined,
    10_000,
    () => 'the transport was not started',
  );
  receiver?.message('b', { type: 'append', from: 'b', to: 'a', term: 4, prevIndex: 8, prevTerm: 3, entries: [], commit: 8 });
  await started;
  expect([log.leads(), log.standing()?.members.map(({ id, voter }) => [id, voter])]).toEqual([
    false,
    [
      ['a', true],
      ['b', true],
    ],
  ]);
  await log.stop();
});

test('a log that is stopped before it started closes quietly', async () => {
  const { log, propose } = makeLog(await temporaryFolder());
  await log.stop();
  await expect(propose(text('a'))).rejects.toMatchObject({ code: 'unavailable' });
});

test('a lone manager that leads and has nothing to do sleeps', async () => {
  const clock = new VirtualClock();
  const { log, propose, machine } = makeLog(await temporaryFolder(), { clock });
  await log.start();
  await propose(text('a'));
  await until(
    () => clock.running === 0,
    30_000,
    () => `${clock.running} timers run`,
  );
  await propose(text('b'));
  expect(machine.texts).toEqual(['a', 'b']);
  await log.stop();
});

/** Turns of the event loop of managers with 30,000 tasks, on a real disk and over real lines: snapshots taken, read, sent and installed, and the largest entry. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '#base/random';
import { until } from '../support/machine.mjs';
import { openDisk } from '#replica/disk-storage';
import { ReplicatedState } from '#replica/state';
import type { ManagerSeat } from '#manager/manager-seat';
import type { Replica } from '#replica/replica';
import { create, newMeta, type Action } from '#store/action';
import { TestAuthority } from '#test/support/cluster-certificates';
import { aTask } from '#test/support/cluster-objects';
import { openDoor, type Door } from '#test/support/raft-lines';
import { realClock } from '#test/support/real-clock';
import { replicaSeat } from '#test/support/replica-seat';
import { silentLogger } from '#test/support/silent-logger';
import type { Row } from './figures.ts';
import { Turns } from './turns.ts';

const taskCount = 30_000;
const perEntry = 500;
const turnTargetMs = 20;
const largestTargetMs = 50;
const configBytes = 500_000;
const configCount = 120;
const limitMs = 120_000;

interface Member {
  door: Door;
  state: ReplicatedState;
  log: Replica;
  seat: ManagerSeat;
}

/** Without stages: what is measured is the log, and nothing must follow from what it holds. */
async function member(authority: TestAuthority, id: string, folder: string, founders: readonly string[] | undefined, port = 0): Promise<Member> {
  const door = await openDoor(authority, id, { port });
  const state = new ReplicatedState();
  const onFatal = (error: unknown): never => {
    throw error;
  };
  const openStorage = openDisk({ folder, clock: realClock, node: id, reserveBytes: 0 });
  const options = { nodeId: id, address: door.address, snapshotEntries: taskCount / perEntry + 10, keptEntries: 1, electionTicks: 100 };
  const parts = { clock: realClock, random: seededRandom(1, id), logger: silentLogger, onFatal, state, stages: [], openStorage, transport: door.transport };
  return { door, state, ...replicaSeat(options, { ...parts, ...(founders && { founders }) }) };
}

function row(what: string, turns: Turns, targetMs: number): Row {
  return {
    what,
    figure: `longest turn ${turns.longestMs.toFixed(1)} ms, beside pauses of the collector up to ${turns.pauseMs.toFixed(1)}; ${turns.wholeMs.toFixed(0)} ms of CPU time`,
    target: `≤ ${targetMs} ms`,
    met: turns.longestMs <= targetMs,
  };
}

async function measured(what: string, targetMs: number, run: () => Promise<unknown>): Promise<Row> {
  const turns = new Turns();
  await turns.until(run());
  return row(what, turns, targetMs);
}

const write = (seat: ManagerSeat, actions: readonly Action[]): Promise<void> => seat.submit(() => ({ actions, result: undefined }));

function tasks(from: number, count: number): Action[] {
  return Array.from({ length: count }, (_, at) => {
    const n = from + at;
    const spec = { ContainerSpec: { Image: 'app:1', Env: ['A=1', 'B=2'], Labels: { a: 'b' } } };
    return create('task', aTask(`task${n}`, 'running', { ServiceID: `service${n % 300}`, Slot: n, NodeID: `node${n % 1000}`, Spec: spec }));
  });
}

const largest = (): Action[] =>
  Array.from({ length: configCount }, (_, n) =>
    create('config', { ...newMeta(`config${n}`), Spec: { Name: `c${n}`, Data: Buffer.alloc(configBytes * 0.75, n).toString('base64') } }),
  );

export async function benchSnapshots(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  const authority = await TestAuthority.begin();
  const running: Member[] = [];
  const rows: Row[] = [];
  try {
    let first = await member(authority, 'a', join(folder, 'a'), undefined);
    await first.seat.start();
    running.push(first);
    for (let from = 0; from < taskCount; from += perEntry) await write(first.seat, tasks(from, perEntry));
    rows.push(
      await measured('a snapshot of 30,000 tasks is taken and stored, entries beside it', turnTargetMs, async () => {
        for (let n = 0; n < 60; n++) await write(first.seat, tasks(taskCount + n, 1));
      }),
    );
    await first.seat.stop();
    await first.door.stop();
    running.pop();
    first = await member(authority, 'a', join(folder, 'a'), undefined, Number(first.door.address.split(':').at(-1)));
    running.push(first);
    rows.push(await measured('a start from that snapshot', turnTargetMs, () => first.seat.start()));
    const joiner = await member(authority, 'b', join(folder, 'b'), []);
    await joiner.seat.start();
    running.push(joiner);
    rows.push(
      await measured('that snapshot sent to a joiner and installed, both in this process', turnTargetMs, async () => {
        await first.seat.addManager({ id: 'b', address: joiner.door.address });
        const here = (): boolean => [...joiner.state.store.list('task')].length >= taskCount;
        await until(here, limitMs, () => 'the joiner has no snapshot');
      }),
    );
    await until(
      () => first.seat.leads(),
      limitMs,
      () => 'nobody leads',
    );
    rows.push(
      await measured(`an entry of ${(configBytes * configCount) / 1e6} MB, written, sent and applied by both`, largestTargetMs, () =>
        write(first.seat, largest()),
      ),
    );
  } finally {
    for (const { seat, door } of running.toReversed()) {
      await seat.stop();
      await door.stop();
    }
    await rm(folder, { recursive: true, force: true });
  }
  return rows;
}

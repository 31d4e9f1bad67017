/** Stories of the driver that random seeds meet too seldom. */
import { silentLogger } from '../silent-logger.ts';
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { createConfig } from '#control/configs';
import { Manager } from '#manager/manager';
import { Applier } from '#replica/applier';
import { encodeEntry } from '#test/support/entry-bytes';
import type { StateMachine } from '#replica/replicated-log';
import { ReplicatedState } from '#replica/state';
import { create, newMeta, type Entry } from '#store/action';
import { Violation, type Guided } from '#test/simulation/tier';
import { testDescription } from '../memory-cluster.ts';
import { MemoryLog } from '../memory-log.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { DriverWorld, type Machine } from './driver-world.ts';

function demand(condition: unknown, check: string, message: string): asserts condition {
  if (!condition) throw new Violation(check, message);
}

const config = (name: string) => create('config', { ...newMeta(name), Spec: { Name: name } });

/** Applies entries one by one; what comes of each, in words. */
function outcomes(...entries: readonly [Entry, number][]): string[] {
  const state = new ReplicatedState();
  return entries.map(([entry, term], at) => {
    const outcome = state.apply({ index: at + 1, term, bytes: encodeEntry(entry) });
    demand(!(outcome instanceof Promise), 'small entries', 'a small entry takes effect in the turn in which it is applied');
    return outcome.applied ? 'applied' : 'ignored';
  });
}

async function worldOf(nodes: number, options = { snapshotEntries: 1000, keptEntries: 10 }): Promise<DriverWorld> {
  const world = new DriverWorld(11, { nodes, ...options });
  for (const machine of world.machines) world.start(machine);
  await world.begin(() => initCluster({ nodeId: 'node-1', address: '', description: testDescription }));
  return world;
}

/** Waits for the answer while time passes; undefined when there is none within `limitMs`. */
async function answer<R>(world: DriverWorld, asked: Promise<R>, limitMs: number): Promise<{ result: R } | { refused: Refusal } | undefined> {
  let settled: { result: R } | { refused: Refusal } | undefined;
  void asked.then(
    (result) => (settled = { result }),
    (error: unknown) => {
      if (error instanceof Refusal) settled = { refused: error };
      else world.break(error);
    },
  );
  for (const end = world.time.now + limitMs; !settled && world.time.now < end;) await world.run(50);
  return settled;
}

async function write(world: DriverWorld, machine: Machine, name: string, id?: string): Promise<{ ID: string }> {
  const told = await answer(world, world.submit(machine, createConfig({ Name: name, Data: 'eA==' }), id, 5000), 6000);
  demand(
    told && 'result' in told,
    'a leader stores',
    `${machine.id} does not store ${name}: ${told && 'refused' in told ? told.refused.message : 'no answer'}`,
  );
  return told.result;
}

async function nextLeader(world: DriverWorld, not?: Machine): Promise<Machine> {
  for (const end = world.time.now + 5000; world.time.now < end;) {
    const leader = world.machines.find((machine) => machine !== not && machine.life.alive && machine.seat?.leads());
    if (leader) return leader;
    await world.run(50);
  }
  throw new Violation('a leader comes', `nobody leads within 5 s${not ? ` but ${not.id}` : ''}`);
}

export const driverScripts: readonly Guided[] = [
  {
    name: 'an entry decided on another state',
    run: () => {
      const seen = outcomes(
        [{ actions: [config('a')], now: 1, base: 0, term: 1 }, 1],
        [{ actions: [config('b')], now: 1, base: 0, term: 1 }, 1],
        [{ actions: [config('a')], now: 1 }, 1],
        [{ actions: [config('c')], now: 1, base: 1, term: 1 }, 2],
        [{ actions: [config('c')], now: 1, base: 1, term: 2 }, 2],
      );
      const wanted = ['applied', 'ignored', 'ignored', 'ignored', 'applied'];
      demand(String(seen) === String(wanted), 'an entry rests on a state', `${seen.join()} and not ${wanted.join()}`);
    },
  },
  {
    name: 'a state that is not the leader’s',
    run: () => {
      const state = new ReplicatedState();
      void state.apply({ index: 1, term: 1, bytes: encodeEntry({ actions: [config('a')], now: 1 }) });
      const entry = encodeEntry({ actions: [], now: 1, check: `${state.store.hash().slice(0, 1)}${'0'.repeat(13)}` });
      try {
        void state.apply({ index: 2, term: 1, bytes: entry });
      } catch (error) {
        demand((error as Error).name === 'Divergence', 'states are compared', String(error));
        return;
      }
      throw new Violation('states are compared', 'a state that is not the one of its leader goes on');
    },
  },
  {
    name: 'an entry that another came before',
    run: async () => {
      const state = new ReplicatedState();
      const log = new MemoryLog(state);
      const fatal: unknown[] = [];
      const parts = { clock: new VirtualClock(), random: seededRandom(1), logger: silentLogger, onFatal: (error: unknown) => fatal.push(error) };
      const manager = new Manager({}, { ...parts, log, state, stages: [], term: 1 });
      await log.start();
      manager.start();
      log.before = encodeEntry({ actions: [config('before')], now: 1 });
      await manager.submit(createConfig({ Name: 'a', Data: 'eA==' }));
      demand(state.store.byName('config', 'a') && fatal.length === 0, 'answered is stored', 'a request was answered whose entry had no effect');
      await manager.stop();
    },
  },
  {
    name: 'a large entry takes its time, and nothing overtakes it',
    run: async () => {
      const world = await worldOf(3);
      const leader = await nextLeader(world);
      // Whoever was away is sent both at once, and applies them in one go.
      const late = world.machines.find((machine) => machine !== leader) as Machine;
      world.kill(late);
      const Data = Buffer.alloc(700_000, 'x').toString('base64');
      const large = world.submit(leader, createConfig({ Name: 'large', Data }), undefined, 5000);
      const small = write(world, leader, 'small');
      const told = await answer(world, large, 6000);
      demand(told && 'result' in told, 'a large entry is stored', told && 'refused' in told ? told.refused.message : 'no answer');
      await small;
      world.start(late);
      await world.converge();
    },
  },
  {
    name: 'a state machine that takes its time over the first of two entries',
    run: async () => {
      const story: string[] = [];
      const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
      const machine: StateMachine = {
        apply: ({ index }) => {
          story.push(`begins ${index}`);
          return index === 1
            ? pause().then(() => {
                story.push('ends 1');
                return { applied: true } as const;
              })
            : { applied: true };
        },
        snapshot: () => [],
        restore: async () => void story.push('restores'),
      };
      const applier = new Applier(0, {
        machine,
        read: async function* () {},
        applied: ({ index }) => void story.push(`has ${index}`),
        restored: ({ index }) => void story.push(`is at ${index}`),
        failed: (error) => void story.push(String(error)),
      });
      const entry = (index: number) => ({ index, term: 1, kind: 'normal', bytes: Uint8Array.of(1) }) as const;
      applier.apply([entry(1), entry(2), entry(3)]);
      while (!applier.idle) await pause();
      applier.apply([entry(4)]);
      applier.restore({ index: 9, term: 1, configuration: { voters: ['m1'], learners: [] } }, Promise.resolve());
      while (!applier.idle) await pause();
      const wanted = 'begins 1, ends 1, has 1, begins 2, has 2, begins 3, has 3, begins 4, has 4, restores, is at 9';
      demand(story.join(', ') === wanted, 'one after the other', story.join(', '));
    },
  },
  {
    name: 'a manager behind a compaction',
    run: async () => {
      const world = await worldOf(3, { snapshotEntries: 10, keptEntries: 2 });
      const leader = await nextLeader(world);
      const late = world.machines.find((machine) => machine !== leader) as Machine;
      world.kill(late);
      for (let at = 0; at < 40; at++) await write(world, leader, `c${at}`);
      world.start(late);
      await world.converge();
      demand(late.disk.counts.received > 0, 'a snapshot helps', `${late.id} was sent no snapshot`);
    },
  },
  {
    name: 'two snapshots, one behind the other',
    run: async () => {
      const world = new DriverWorld(11, { nodes: 1, snapshotEntries: 1000, keptEntries: 10 });
      const [only] = world.machines as [Machine];
      world.start(only, ['m1', 'm2', 'm3']);
      await world.run(100);
      const { receiver } = world.wire.receiverOf('m1');
      const snapshot = (index: number) => {
        const state = new ReplicatedState();
        void state.apply({ index, term: 1, bytes: encodeEntry({ actions: [config(`at-${index}`)], now: 1 }) });
        const configuration = { voters: ['m1', 'm2', 'm3'], learners: [] };
        const message = { type: 'snapshot', from: 'm2', to: 'm1', term: 1, meta: { index, term: 1, configuration } };
        const pieces = async function* () {
          yield* state.snapshot();
        };
        return receiver.snapshot('m2', message, pieces());
      };
      // The second is here before the disk has put the first into force.
      only.disk.stalledUntil = world.time.now + 1000;
      const taken = Promise.all([snapshot(10), snapshot(20)]);
      demand(await answer(world, taken, 5000), 'snapshots are taken', 'no answer');
      await world.run(500);
      demand(only.state?.store.index === 20, 'the newest snapshot counts', `${only.id} is at ${only.state?.store.index}`);
    },
  },
  {
    name: 'a leader whose disk stalls gives way',
    run: async () => {
      const world = await worldOf(3);
      const leader = await nextLeader(world);
      leader.disk.stalledUntil = world.time.now + 20_000;
      void write(world, leader, 'stuck').catch(() => {});
      const next = await nextLeader(world, leader);
      await write(world, next, 'goes-on');
      await world.run(20_000);
      await world.converge();
    },
  },
  {
    name: 'an outcome that nobody knows, asked again',
    run: async () => {
      const world = await worldOf(3);
      const leader = await nextLeader(world);
      for (const other of world.machines) if (other !== leader) world.wire.cut(other.id, leader.id);
      const asked = answer(world, world.submit(leader, createConfig({ Name: 'a', Data: 'eA==' }), 'request', 9000), 10_000);
      const told = await asked;
      demand(
        told && 'refused' in told && told.refused.facts['outcome'] === 'unknown' && told.refused.message !== 'no answer',
        'unknown is said',
        `a deposed leader says ${JSON.stringify(told)}`,
      );
      const next = await nextLeader(world, leader);
      const first = await write(world, next, 'a', 'request');
      world.wire.healAll();
      await world.converge();
      const again = await write(world, await nextLeader(world), 'a', 'request');
      demand(first.ID === again.ID, 'one answer', `${first.ID} and then ${again.ID}`);
    },
  },
  {
    name: 'a leader whose disk is full leaves the lead to one that can write',
    run: async () => {
      const world = await worldOf(3);
      const full = await nextLeader(world);
      full.disk.full = true;
      const next = await nextLeader(world, full);
      await write(world, next, 'a');
      await world.run(3000);
      demand(full.seat?.leads() !== true, 'who has space leads', `${full.id} leads again, and its disk is full`);
      // Where all are full one leads nevertheless, and the lead does not go round and round.
      for (const machine of world.machines) machine.disk.full = true;
      let changes = 0;
      let leader = await nextLeader(world);
      for (let second = 0; second < 60; second++) {
        await world.run(1000);
        const now = await nextLeader(world);
        if (now !== leader) changes++;
        leader = now;
      }
      demand(changes > 0 && changes < 20, 'a lead that rests', `${changes} leaders in a minute`);
      for (const machine of world.machines) machine.disk.full = false;
      await write(world, await nextLeader(world), 'b');
    },
  },
  {
    name: 'a disk that is full when leadership begins',
    run: async () => {
      const world = await worldOf(1);
      const [only] = world.machines as [Machine];
      world.kill(only);
      only.disk.full = true;
      world.start(only);
      await world.run(5000);
      only.disk.full = false;
      await world.run(2000);
      await write(world, only, 'again');
    },
  },
];

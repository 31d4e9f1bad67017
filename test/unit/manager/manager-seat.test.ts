import { expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import { createConfig } from '#control/configs';
import { initCluster } from '#control/clusters';
import type { Duty } from '#manager/leader-duties';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { attachmentTo } from '#model/object/task';
import { ReplicatedState } from '#replica/state';
import { testDescription } from '#test/support/memory-cluster';
import { MemoryLog } from '#test/support/memory-log';
import { ScriptedAgent } from '#test/support/scripted-agent';
import { byHand, stack } from '#test/support/random-changes';
import { deployStack } from '#control/stack/stacks';
import { settle, VirtualClock } from '#test/support/virtual-clock';

const nodeId = 'node-one';
const config = (name: string) => createConfig({ Name: name, Data: 'eA==' });

class RecordingDuty implements Duty {
  static running = 0;
  static most = 0;
  static story: string[] = [];
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  async start(): Promise<void> {
    RecordingDuty.story.push(`${this.#name} starts`);
    RecordingDuty.most = Math.max(RecordingDuty.most, ++RecordingDuty.running);
  }
  async stop(): Promise<void> {
    RecordingDuty.story.push(`${this.#name} stops`);
    RecordingDuty.running--;
  }
}

function setUp(more: readonly (() => Duty)[] = []) {
  const state = new ReplicatedState();
  const log = new MemoryLog(state);
  const clock = new VirtualClock();
  const fatal: unknown[] = [];
  let terms = 0;
  const seat = new ManagerSeat(
    {},
    {
      log,
      state,
      stages,
      clock,
      random: seededRandom(3),
      logger: silentLogger,
      onFatal: (error) => fatal.push(error),
      duties: () => {
        terms += 1;
        return [() => new RecordingDuty(`duty of ${terms}`), ...more];
      },
    },
  );
  return { seat, log, state, clock, fatal };
}

test('leadership given and taken a hundred times: nothing is left over, nothing is done twice', async () => {
  const { seat, log, state, clock, fatal } = setUp();
  RecordingDuty.most = RecordingDuty.running = 0;
  RecordingDuty.story = [];
  await seat.start();
  await seat.submit(initCluster({ nodeId, address: '10.0.0.9', description: testDescription }));
  const agent = new ScriptedAgent(nodeId, clock);
  await agent.connect(seat.openSession);
  await seat.submit(deployStack(stack('app:1', 3), byHand));
  await clock.advance(5000);
  const containers = [...agent.tasks.keys()].toSorted();
  expect(containers).toHaveLength(4);
  const timers = clock.running;
  const watchers = state.listening;
  for (let round = 0; round < 100; round++) {
    agent.disconnect();
    log.depose();
    await expect(seat.submit(config('c'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(seat.openSession(nodeId, testDescription)).rejects.toMatchObject({ code: 'unavailable' });
    expect(seat.leads()).toBe(false);
    // Every other time it is given back before the duties of the term before have ended.
    if (round % 2 === 0) await settle();
    log.lead();
    await settle();
    await agent.connect(seat.openSession);
    await settle();
  }
  await clock.advance(20_000);
  expect(fatal).toEqual([]);
  expect([...agent.tasks.keys()].toSorted()).toEqual(containers);
  expect([RecordingDuty.running, RecordingDuty.most]).toEqual([1, 1]);
  expect(RecordingDuty.story).toEqual(
    Array.from({ length: 101 }, (_, term) => [`duty of ${term + 1} starts`, `duty of ${term + 1} stops`])
      .flat()
      .slice(0, -1),
  );
  expect(state.listening).toEqual(watchers);
  expect(clock.running).toBeLessThanOrEqual(timers);
  agent.disconnect();
  await seat.stop();
  expect(RecordingDuty.running).toBe(0);
  expect(state.listening).toBe(0);
  expect(clock.running).toBe(0);
});

test('a term that ends in the middle of its beginning ends whole', async () => {
  const { seat, log, fatal, clock } = setUp();
  RecordingDuty.running = 0;
  await seat.start();
  log.depose();
  await settle();
  let open = (): void => {};
  log.gate = new Promise((resolve) => (open = resolve));
  log.lead();
  // The first words of the new term wait in the log.
  const waiting = seat.submit(config('a'));
  log.depose();
  await expect(waiting).rejects.toBeInstanceOf(Refusal);
  open();
  log.lead();
  await settle();
  expect(RecordingDuty.running).toBe(1);
  await seat.submit(config('b'));
  await seat.stop();
  expect(fatal).toEqual([]);
  expect(clock.running).toBe(0);
});

test('addresses that were freed come back minutes later, whichever term freed them', async () => {
  const { seat, log, state, clock } = setUp();
  await seat.start();
  await seat.submit(initCluster({ nodeId, address: '10.0.0.9', description: testDescription }));
  const agent = new ScriptedAgent(nodeId, clock);
  const scale = async (replicas: number): Promise<string[]> => {
    await seat.submit(deployStack(stack('app:1', replicas), byHand));
    await clock.advance(5000);
    const [network] = state.store.find('network', 'name', 'shop_default');
    return [...state.store.list('task')].flatMap((task) => attachmentTo(task, network!.ID)?.Addresses ?? []);
  };
  await agent.connect(seat.openSession);
  const first = await scale(3);
  expect(await scale(0)).toEqual([]);
  agent.disconnect();
  log.depose();
  await settle();
  log.lead();
  await settle();
  await agent.connect(seat.openSession);
  const second = await scale(3);
  expect([first.length, second.length, new Set([...first, ...second]).size]).toEqual([3, 3, 6]);
  await scale(0);
  await clock.advance(180_000);
  expect(await scale(3)).toEqual(first);
  agent.disconnect();
  await seat.stop();
});

test('a duty that is refused is made anew: one that was stopped is over', async () => {
  let made = 0;
  const story: string[] = [];
  /** As the reconciler: once it was stopped it does nothing any more. */
  const once = (): Duty => {
    const number = (made += 1);
    let stopped = false;
    return {
      start: async () => {
        if (number === 1) throw new Refusal('unavailable', 'the disk is full');
        story.push(stopped ? 'does nothing' : `works as ${number}`);
      },
      stop: async () => {
        stopped = true;
        story.push(`stops ${number}`);
      },
    };
  };
  const { seat, clock, fatal } = setUp([once]);
  const started = seat.start();
  await settle();
  await clock.advance(1_000);
  await started;
  expect(story).toEqual(['stops 1', 'works as 2']);
  await seat.stop();
  expect([story.at(-1), fatal, clock.running]).toEqual(['stops 2', [], 0]);
});

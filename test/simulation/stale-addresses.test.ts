/** Hundreds of random events over production's own drivers: nobody is ever led to a task that was withdrawn, and every task that runs is found. */
import { expect, test } from 'vitest';
import { integerBetween } from '#base/random';
import { initCluster } from '#control/clusters';
import { deployStack } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { deploy, runsWhatIsWanted } from '#test/support/driver/deployed';
import { DriverWorld } from '#test/support/driver/driver-world';
import { testDescription } from '#test/support/memory-cluster';
import { byHand, stack } from '#test/support/random-changes';

const events = 500;
/** After so many all is healed, and everybody must be found. */
const between = 100;

async function begin(seed: number): Promise<DriverWorld> {
  const world = new DriverWorld(seed, { nodes: 3, snapshotEntries: 200, keptEntries: 50, agents: 4 });
  for (const machine of world.machines) world.start(machine);
  await world.begin(() => initCluster({ nodeId: 'node-1', address: '10.0.0.1', description: testDescription }));
  await deploy(world);
  return world;
}

/** Of the front a service by its own address, one by its tasks' addresses, and one that is on another network too; any may be away. */
function wanted({ random }: DriverWorld): StackSpec {
  const base = stack(`app:${integerBetween(random, 1, 3)}`, integerBetween(random, 0, 5), {
    UpdateConfig: { Parallelism: 2, Monitor: 1e8, Order: random.next() < 0.5 ? 'start-first' : 'stop-first' },
  });
  const [web, ...others] = base.Services;
  if (!web) throw new Error('the stack has a front');
  const more = [
    { ...web, Name: 'shop_direct', EndpointSpec: { Mode: 'dnsrr' as const }, Mode: { Replicated: { Replicas: integerBetween(random, 0, 4) } } },
    {
      ...web,
      Name: 'shop_both',
      EndpointSpec: {},
      Mode: { Replicated: { Replicas: integerBetween(random, 0, 3) } },
      TaskTemplate: { ...web.TaskTemplate, Networks: [{ Target: 'shop_default' }, { Target: 'shop_back' }] },
    },
  ].filter(() => random.next() < 0.8);
  return { ...base, Networks: [...base.Networks, { Name: 'shop_back' }], Services: [web, ...more, ...others] };
}

/** A node dies or comes back, loses its line or gets one, a container ends, a leader dies, a manager is cut off, or somebody deploys. */
function happens(world: DriverWorld): void {
  const { random, machines, wire } = world;
  const agent = world.pick(world.agents);
  const draw = random.next();
  if (draw < 0.05) agent.kill();
  else if (draw < 0.12) agent.disconnect();
  else if (draw < 0.3) {
    for (const each of world.agents) each.connect();
    for (const each of world.agents) if (!each.alive) void each.start().catch((error: unknown) => world.break(error));
  } else if (draw < 0.45) {
    const [service] = agent.running();
    if (service) agent.crash(service);
  } else if (draw < 0.5) {
    const leader = world.leader();
    if (leader && machines.every(({ life }) => life.alive)) world.kill(leader);
  } else if (draw < 0.55) {
    const victim = world.pick(machines);
    for (const other of machines) if (other !== victim) wire.cut(victim.id, other.id);
  } else if (draw < 0.65) world.heal();
  else {
    const leader = world.leader();
    if (leader) void world.submit(leader, deployStack(wanted(world), byHand), undefined, 2500).catch(() => {});
  }
}

async function play(world: DriverWorld, count: number): Promise<void> {
  for (let event = 1; event <= count; event++) {
    happens(world);
    await world.run(100 + world.random.next() * 900);
    if (event % between !== 0) continue;
    world.heal();
    await world.converge();
    await runsWhatIsWanted(world);
    await world.addresses.settled();
  }
}

test('over 500 random events nobody is led to a task after it was withdrawn, and every task that runs is found', { timeout: 300_000 }, async () => {
  const seed = Number(process.env['SEED'] ?? 20_261_122);
  const world = await begin(seed);
  await play(world, events).catch((error: unknown) => {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  });
  const { withdrawn, excused, answersLookedAt, namesLookedUp } = world.addresses.counts;
  expect(withdrawn, 'tasks that were withdrawn').toBeGreaterThan(100);
  expect(excused, 'of hosts that were down, by four for each task').toBeLessThan(2 * withdrawn);
  expect([answersLookedAt > 5000, namesLookedUp > 20, world.counts.terms > 10]).toEqual([true, true, true]);
});

test('a host that goes on with what it knew is found out', { timeout: 60_000 }, async () => {
  const world = await begin(7);
  await runsWhatIsWanted(world);
  world.agents[0]?.holdStill();
  await expect(play(world, events)).rejects.toThrow(/no stale address: node-1 leads (names|ports) to |every task is found/);
});

/** The driver tier: replica, manager, store and agent as they run in production, several of each, on virtual clock, wire, disk and engine. */
import { integerBetween } from '#base/random';
import { initCluster } from '#control/clusters';
import { createConfig } from '#control/configs';
import { DriverWorld, type Machine } from '#test/support/driver/driver-world';
import { driverScripts } from '#test/support/driver/driver-scripts';
import { memberScripts } from '#test/support/driver/member-scripts';
import { requestScripts } from '#test/support/driver/request-scripts';
import { testDescription } from '#test/support/memory-cluster';
import { Faults } from '#test/support/faults';
import { agentCounts, deploy, disturbAgents, runsWhatIsWanted } from '#test/support/driver/deployed';
import type { Tier } from '../tier.ts';

export const tier: Tier = {
  name: 'driver',
  guided: [...driverScripts, ...requestScripts, ...memberScripts],
  run,
  replays: 120,
  minimums: {
    appends: 4000,
    reads: 4000,
    terms: 200,
    kills: 100,
    snapshots: 500,
    received: 20,
    unknown: 5,
    repeated: 200,
    conflicts: 100,
    containers: 200,
    crashes: 15,
    broken: 15,
    agentKills: 15,
  },
};

/** What goes wrong in one round. */
type Strike = (name: string, what: () => string) => boolean;

async function run(seed: number, faults = new Faults()): Promise<{ trace: string; counts: Record<string, number> }> {
  const shape = new DriverWorld(seed, { nodes: 0, snapshotEntries: 0, keptEntries: 0 }).random.split('shape');
  const nodes = [1, 3, 3, 3, 5][integerBetween(shape, 0, 4)] as number;
  const options = { nodes, snapshotEntries: integerBetween(shape, 10, 60), keptEntries: integerBetween(shape, 0, 10) };
  // In every fourth world nodes run what the clients deploy.
  const world = new DriverWorld(seed, { ...options, agents: seed % 4 === 0 ? integerBetween(shape, 1, 3) : 0 });
  for (const machine of world.machines) world.start(machine);
  await world.begin(() => initCluster({ nodeId: 'node-1', address: '10.0.0.1', description: testDescription }));
  if (world.agents.length > 0) await deploy(world);
  world.clients.begin(integerBetween(shape, 2, 5));
  for (let round = 0; round < 8; round++) {
    const strike: Strike = (name, what) => faults.strikes(`round-${round + 1}.${name}`, what);
    disturb(world, strike);
    if (world.agents.length > 0) disturbAgents(world, strike);
    await world.run(300 + world.random.next() * 1500);
  }
  // Half of the worlds are healed in a majority only, and the rest stays as broken as it is.
  const half = shape.next() < 0.5 ? world.machines : world.machines.slice(0, Math.floor(nodes / 2) + 1);
  const core = half.length < nodes && faults.strikes('half', () => `only ${half.length} of ${nodes} are healed`) ? half : world.machines;
  world.heal(core);
  for (const machine of world.machines) if (!core.includes(machine)) world.kill(machine);
  await world.converge(core);
  await world.clients.end();
  world.heal();
  await world.converge();
  await world.writesAgain(createConfig({ Name: 'last', Data: 'eA==' }));
  await runsWhatIsWanted(world);
  await world.addresses.settled();
  check(world);
  return { trace: world.trace, counts: countsOf(world) };
}

/** Something goes wrong, or right again. All is drawn whether it strikes or not: what is left out of a round changes no other. */
function disturb(world: DriverWorld, strike: Strike): void {
  const { random, wire, machines } = world;
  const victim = world.pick(machines);
  const draw = random.next();
  if (draw < 0.2) killed(world, victim, strike);
  else if (draw < 0.4) for (const machine of machines) if (!machine.life.alive) world.start(machine);
  if (draw >= 0.4 && draw < 0.55) for (const other of machines) if (other !== victim) cutBetween(world, [victim, other], random.next() < 0.7, strike);
  if (draw >= 0.55 && draw < 0.65) stall(world, victim, random.next() * 3000, strike);
  if (draw >= 0.65 && draw < 0.7) victim.disk.full = !victim.disk.full && strike('full', () => `the disk of ${victim.id} is full`);
  if (draw >= 0.7 && draw < 0.85) spoilWire(world, strike);
  if (draw >= 0.85) wire.healAll();
  if (draw >= 0.95) for (const machine of machines) killed(world, machine, strike);
  const latencyMs = 1 + random.next() * 30;
  if (strike('slow', () => `the disk of ${victim.id} takes up to ${Math.round(latencyMs)} ms`)) victim.disk.latencyMs = latencyMs;
}

function killed(world: DriverWorld, machine: Machine, strike: Strike): void {
  if (machine.life.alive && strike(`kill-${machine.id}`, () => `${machine.id} is killed`)) world.kill(machine);
}

function stall(world: DriverWorld, { id, disk }: Machine, forMs: number, strike: Strike): void {
  if (strike('stall', () => `the disk of ${id} stands still for ${Math.round(forMs)} ms`)) disk.stalledUntil = world.time.now + forMs;
}

function spoilWire({ random, wire }: DriverWorld, strike: Strike): void {
  const drawn = { loss: random.next() * 0.2, repeat: random.next() * 0.2, late: random.next() * 0.2, broken: random.next() };
  const share = (name: keyof typeof drawn): number => (strike(name, () => `${Math.round(drawn[name] * 100)} % on every line`) ? drawn[name] : 0);
  wire.faults = { loss: share('loss'), repeat: share('repeat'), late: share('late'), lateMs: 2000, broken: share('broken') };
}

function cutBetween(world: DriverWorld, [one, other]: readonly [Machine, Machine], both: boolean, strike: Strike): void {
  if (!strike(`cut-${one.id}-${other.id}`, () => (both ? 'both ways' : 'one way'))) return;
  world.wire.cut(one.id, other.id);
  if (both) world.wire.cut(other.id, one.id);
}

function check(world: DriverWorld): void {
  for (const machine of world.machines) {
    const { state } = machine;
    if (state) world.clients.check(state.store);
  }
  if (world.broken !== undefined) throw world.broken;
}

function countsOf(world: DriverWorld): Record<string, number> {
  const disks = world.machines.map(({ disk }) => disk.counts);
  const sum = (of: 'snapshots' | 'received' | 'writes'): number => disks.reduce((total, counts) => total + counts[of], 0);
  const { ignored, last } = world.history;
  return {
    ...world.counts,
    ...world.clients.counts,
    ...world.wire.counts,
    ...agentCounts(world),
    ...world.addresses.counts,
    entries: last,
    ignored,
    writes: sum('writes'),
    snapshots: sum('snapshots'),
    received: sum('received'),
  };
}

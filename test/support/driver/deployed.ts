/** What a world's nodes run: a stack that is deployed, what happens to its containers and agents, and what must be true of them when all works again. */
import { integerBetween } from '#base/random';
import { deployStack } from '#control/stack/stacks';
import type { Task } from '#model/object/task';
import { create, newMeta } from '#store/action';
import type { Store } from '#store/store';
import { Violation } from '#test/simulation/tier';
import { byHand, stack } from '../random-changes.ts';
import type { DriverWorld } from './driver-world.ts';

/** Soon after everything works: restart delays and sessions that are waited for come into it. */
const patienceMs = 60_000;

const counted = new WeakMap<DriverWorld, { crashes: number; broken: number; agentKills: number }>();

function countsOf(world: DriverWorld): { crashes: number; broken: number; agentKills: number } {
  const counts = counted.get(world) ?? { crashes: 0, broken: 0, agentKills: 0 };
  counted.set(world, counts);
  return counts;
}

export function agentCounts(world: DriverWorld): Record<string, number> {
  const containers = world.agents.reduce((sum, { engine }) => sum + engine.count('startContainer'), 0);
  return { ...countsOf(world), containers };
}

/** The other nodes join, every agent starts, and a stack is deployed. */
export async function deploy(world: DriverWorld): Promise<void> {
  const joined = world.agents.slice(1).map(({ id }) =>
    create('node', {
      ...newMeta(id),
      Spec: { Role: 'worker', Availability: 'active' },
      Status: { State: 'unknown', Addr: '' },
    }),
  );
  if (joined.length > 0) await world.writesAgain(() => ({ actions: joined, result: undefined }));
  for (const agent of world.agents) await agent.start();
  await world.writesAgain(deployStack(stack('app:1', integerBetween(world.random, 1, 4)), byHand));
}

/** Something goes wrong with a node, or right again; or somebody deploys. */
export function disturbAgents(world: DriverWorld, strike: (name: string, what: () => string) => boolean): void {
  const { random } = world;
  const counts = countsOf(world);
  const agent = world.pick(world.agents);
  const draw = random.next();
  if (draw < 0.2) {
    if (agent.alive && strike('kill-agent', () => `the agent of ${agent.id} is killed`)) {
      counts.agentKills++;
      agent.kill();
    }
  } else if (draw < 0.4) startDead(world);
  if (draw >= 0.4 && draw < 0.7) {
    const soonBack = random.next() < 0.7;
    if (strike('cut-agent', () => `${agent.id} loses its line${soonBack ? '' : ' and gets no other'}`)) {
      if (agent.connected) counts.broken++;
      agent.disconnect();
    }
    if (soonBack) agent.connect();
  }
  if (draw >= 0.7) {
    const [service] = agent.running();
    if (service && strike('crash', () => `a container of ${service} ends on ${agent.id}`)) {
      counts.crashes++;
      agent.crash(service);
    }
  }
  if (random.next() < 0.3) {
    const leader = world.leader();
    const wanted = stack(`app:${integerBetween(random, 1, 2)}`, integerBetween(random, 0, 5), { UpdateConfig: { Parallelism: 2, Monitor: 1e8 } });
    if (leader) void world.submit(leader, deployStack(wanted, byHand), undefined, 2500).catch(() => {});
  }
}

function startDead(world: DriverWorld): void {
  for (const agent of world.agents) {
    agent.connect();
    if (!agent.alive) void agent.start().catch((error: unknown) => world.break(error));
  }
}

/** All are back: what is wanted must come to run, each task once and nothing else. */
export async function runsWhatIsWanted(world: DriverWorld): Promise<void> {
  if (world.agents.length === 0) return;
  startDead(world);
  let wrong: string | undefined = 'nobody leads';
  for (const end = world.time.now + patienceMs; wrong !== undefined;) {
    if (world.time.now > end) throw new Violation('what is wanted runs, and once', `not within ${patienceMs} ms: ${wrong}`);
    await world.run(500);
    const store = world.leader()?.state?.store;
    wrong = store ? unlike(world, store) : 'nobody leads';
  }
}

/** How the containers differ from what the managers want and say; undefined when they don't. */
function unlike(world: DriverWorld, store: Store): string | undefined {
  for (const service of store.list('service')) {
    const tasks = [...store.tasksOfService(service.ID)].filter(({ DesiredState }) => DesiredState === 'running');
    const replicas = service.Spec.Mode?.Global ? world.agents.length : (service.Spec.Mode?.Replicated?.Replicas ?? 1);
    const places = new Set(tasks.map(({ Slot, NodeID }) => (service.Spec.Mode?.Global ? NodeID : String(Slot))));
    if (tasks.length !== replicas || places.size !== replicas) return `${service.Spec.Name} wants ${replicas} and has ${tasks.map(line).join(', ')}`;
    const late = tasks.find(({ Status }) => Status.State !== 'running');
    if (late) return `${line(late)} does not run`;
  }
  const wanted = [...store.list('task')].filter(({ DesiredState }) => DesiredState === 'running').map(({ ID, NodeID }) => `${ID} on ${NodeID}`);
  const running = world.agents.flatMap((agent) => agent.runningTasks().map(({ ID }) => `${ID} on ${agent.id}`));
  if (running.toSorted().join() !== wanted.toSorted().join()) return `wanted ${wanted.join(', ')}; running ${running.join(', ')}`;
  return undefined;
}

function line(task: Task): string {
  return `${task.Shoal.ServiceName}.${task.Slot ?? ''} on ${task.NodeID || '-'}: ${task.Status.State} ${task.Status.Err ?? ''}`;
}

/** Holds every host to it: once the managers have said that nobody leads to a task any more, no name and no port does; and when all is well, every task that runs is found by name. */
import { virtualServices } from '#network/virtual-services';
import type { NameTable } from '#network/names';
import { publishedPorts } from '#network/published-ports';
import type { Traffic } from '#network/contract';
import { Violation } from '#test/simulation/tier';
import type { AgentMachine } from './agent-machine.ts';
import type { DriverWorld, Machine } from './driver-world.ts';

interface Gone {
  at: number;
  /** Nodes that counted as down then, or had no place: they know what they knew until they are told again. */
  excused: Set<string>;
}

/** A host that was told all has it in force by then. */
const inForceMs = 5000;
/** What runs is known to all hosts by then. */
const patienceMs = 20_000;

export class StaleAddresses {
  readonly counts = { withdrawn: 0, excused: 0, answersLookedAt: 0, namesLookedUp: 0 };
  readonly #world: DriverWorld;
  /** By task. */
  readonly #gone = new Map<string, Gone>();

  constructor(world: DriverWorld) {
    this.#world = world;
  }

  /** Said by a manager, over a line that stood. */
  withdrawn(taskId: string, { state }: Machine): void {
    if (this.#gone.has(taskId)) return;
    const down = this.#world.agents.filter(({ id }) => (state?.store.get('node', id)?.Status.State ?? 'down') === 'down').map(({ id }) => id);
    this.#gone.set(taskId, { at: this.#world.time.now, excused: new Set(down) });
    this.counts.withdrawn++;
    this.counts.excused += down.length;
    for (const host of this.#world.agents) for (const what of ['names', 'ports'] as const) this.look(host, what);
  }

  /** All that the host answers now, or leads connections to. */
  look(host: AgentMachine, what: 'names' | 'ports'): void {
    const traffic = host.traffic[what];
    if (!traffic) return;
    const allowed = new Set<string>();
    const holders = new Map<string, string>();
    for (const { TaskID, Ready, Networks } of traffic.services.flatMap(({ Tasks }) => Tasks)) {
      const fine = Ready && !this.#isGone(TaskID, host);
      for (const { Address } of Networks) {
        if (fine) allowed.add(Address);
        else holders.set(Address, TaskID);
      }
    }
    for (const address of what === 'names' ? tableAnswers(traffic, host.names) : targets(traffic, host.id)) {
      this.counts.answersLookedAt++;
      if (allowed.has(address)) continue;
      const taskId = holders.get(address) ?? 'nobody';
      const text = `${host.id} leads ${what} to ${address} of task ${taskId} at ${this.#world.time.now}, which was withdrawn at ${this.#gone.get(taskId)?.at}`;
      this.#world.break(new Violation('no stale address', text));
    }
  }

  /** Everything works again: every host on a network finds every task there that runs, and no other. */
  async settled(): Promise<void> {
    let wrong = this.#unlike();
    for (const end = this.#world.time.now + patienceMs; wrong !== undefined && this.#world.time.now < end; wrong = this.#unlike()) await this.#world.run(200);
    if (wrong !== undefined) throw new Violation('every task is found', `not within ${patienceMs} ms: ${wrong}`);
  }

  #unlike(): string | undefined {
    const store = this.#world.leader()?.state?.store;
    if (!store) return 'nobody leads';
    for (const host of this.#world.agents) {
      const traffic = host.traffic.names;
      if (!traffic) continue;
      const table = host.names;
      if (!table) continue;
      for (const { network, gateway } of traffic.networks.filter(({ network: { Spec } }) => !Spec.Ingress)) {
        for (const service of store.list('service')) {
          const tasks = [...store.tasksOfService(service.ID)].filter((task) => task.Status.State === 'running' && task.DesiredState === 'running');
          const on = tasks.flatMap(({ NetworksAttachments = [] }) =>
            NetworksAttachments.flatMap(({ Network, Addresses }) => (Network.ID === network.ID ? (Addresses[0]?.split('/')[0] ?? []) : [])),
          );
          const found = table.lookUp(`tasks.${service.Spec.Name}`, gateway, network.ID) ?? [];
          this.counts.namesLookedUp++;
          if (on.toSorted().join() !== found.toSorted().join())
            return `${host.id}: tasks.${service.Spec.Name} gives ${found.join()} and not ${on.join()} on ${network.Spec.Name}`;
        }
      }
    }
    return undefined;
  }

  #isGone(taskId: string, host: AgentMachine): boolean {
    const gone = this.#gone.get(taskId);
    if (!gone) return false;
    const { wholeAt } = host;
    if (wholeAt !== undefined && wholeAt > gone.at && this.#world.time.now > wholeAt + inForceMs) gone.excused.delete(host.id);
    return !gone.excused.has(host.id);
  }
}

/** What is answered for the tasks of every service, to somebody on each of the networks. */
function tableAnswers({ networks, services }: Traffic, table: NameTable | undefined): string[] {
  const names = [...new Set([...services.map(({ Name }) => Name), ...(table?.services().map(({ Name }) => Name) ?? [])])];
  return networks.flatMap(({ network, gateway }) => names.flatMap((name) => table?.lookUp(`tasks.${name}`, gateway, network.ID) ?? []));
}

function targets(traffic: Traffic, nodeId: string): string[] {
  const published = publishedPorts(traffic, nodeId).flatMap((port) => port.targets.map(({ address }) => address));
  return [...published, ...virtualServices(traffic.services, traffic.networks).flatMap((service) => service.targets)];
}

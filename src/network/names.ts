/** Names of services and tasks, as one asker sees them: only addresses on networks that he is on. */
import type { EndpointTask, ServiceEndpoint } from '#model/assignment';
import { taskNameOf } from '#model/task';
import type { NodeNetwork } from './published-ports.ts';

export interface NameTable {
  /** name in lower case → network → addresses of ready tasks; an empty list means that the name exists. */
  names: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** address of a task → networks it is on. */
  askers: ReadonlyMap<string, readonly string[]>;
  /** address of a task → its name. */
  addresses: ReadonlyMap<string, string>;
}

/** What a node can answer from `endpoints`. The ingress network carries published ports only: nothing is found on it. */
export function nameTable(endpoints: readonly ServiceEndpoint[], networks: readonly NodeNetwork[]): NameTable {
  const ingress = new Set(networks.filter(({ network }) => network.Spec.Ingress).map(({ network }) => network.ID));
  const names = new Map<string, Map<string, string[]>>();
  const askers = new Map<string, string[]>();
  const addresses = new Map<string, string>();
  // Ready tasks come last, so that an address just given on is known by its living holder.
  for (const ready of [false, true]) {
    for (const endpoint of endpoints) {
      for (const task of endpoint.Tasks.filter((each) => each.Ready === ready)) {
        const reachable = task.Networks.filter(({ NetworkID }) => !ingress.has(NetworkID));
        for (const { Address } of task.Networks) {
          askers.set(
            Address,
            reachable.map(({ NetworkID }) => NetworkID),
          );
          addresses.set(Address, taskNameOf(endpoint.Name, task, task.TaskID));
        }
        for (const attachment of reachable) addNames(names, endpoint, task, attachment);
      }
    }
  }
  return { names, askers, addresses };
}

/**
 * Addresses of `name` for `asker` (an address), who asked the name server of `networkId`.
 * Undefined when no such name exists on his networks; empty when it exists and no task is ready.
 */
export function lookUp(table: NameTable, name: string, asker: string, networkId: string): readonly string[] | undefined {
  const found = table.names.get(name.toLowerCase());
  if (!found) return undefined;
  const networks = table.askers.get(asker) ?? [networkId];
  const lists = networks.map((id) => found.get(id)).filter((list) => list !== undefined);
  return lists.length === 0 ? undefined : [...new Set(lists.flat())];
}

/** Name for a reverse query such as `2.0.0.10.in-addr.arpa`; undefined for addresses that are not a task's. */
export function reverseLookUp(table: NameTable, name: string): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/i.exec(name);
  return match ? table.addresses.get([match[4], match[3], match[2], match[1]].join('.')) : undefined;
}

function addNames(
  names: Map<string, Map<string, string[]>>,
  endpoint: ServiceEndpoint,
  task: EndpointTask,
  { NetworkID, Address, Aliases }: EndpointTask['Networks'][number],
): void {
  const common = [endpoint.Name, ...Aliases].flatMap((name) => [name, `tasks.${name}`]);
  const own = [...common, taskNameOf(endpoint.Name, task, task.TaskID)];
  const all = new Set(own);
  for (const name of own) for (const stack of possibleStacks(endpoint.Name)) all.add(`${name}.${stack}`);
  // A stack's service is also `short.stack`, whether or not the stack gave the short name as an alias.
  for (const stack of possibleStacks(endpoint.Name)) {
    const short = endpoint.Name.slice(stack.length + 1);
    all.add(`${short}.${stack}`).add(`tasks.${short}.${stack}`);
  }
  for (const name of all) {
    const key = name.toLowerCase();
    const byNetwork = names.get(key) ?? new Map<string, string[]>();
    const list = byNetwork.get(NetworkID) ?? [];
    if (task.Ready && !list.includes(Address)) list.push(Address);
    names.set(key, byNetwork.set(NetworkID, list));
  }
}

/** `a_b_c` may be service `b_c` of stack `a`, or `c` of `a_b`. */
function possibleStacks(serviceName: string): string[] {
  const parts = serviceName.split('_');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('_'));
}

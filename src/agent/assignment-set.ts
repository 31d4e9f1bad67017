/** The node's assignments as the dispatcher's messages build them up. */
import {
  type Trust,
  managersItemId,
  type AssignmentChange,
  type AssignmentKind,
  type AssignmentMessage,
  type Backend,
  type ManagersItem,
  type NetworkAssignment,
  type NodeItem,
  type PeerItem,
  type ServiceEndpoint,
  type ServiceItem,
} from '#model/object/assignment';
import { equal } from '#base/equal';
import { compareTexts } from '#base/text/text';
import type { Network } from '#model/object/network';
import type { Config, Secret } from '#model/object/secret';
import type { Task } from '#model/object/task';
import type { Peer } from '#network/contract';
import { compareStates } from '#model/object/task-state';

/** A message does not follow on the last one: the session has to be opened anew for a complete set. */
class SequenceError extends Error {
  override readonly name = 'SequenceError';
}

export interface Touched {
  /** Ids of tasks that came, changed or went. */
  tasks: ReadonlySet<string>;
  /** Names, published ports or the way to other nodes may have changed. */
  network: boolean;
  /** More than which tasks are ready. */
  ways: boolean;
}

export interface NodePlace {
  role: NodeItem['Role'];
  managers: readonly string[] | undefined;
  managerIds: readonly string[];
  trust: Trust | undefined;
  /** Which program the node is to run. */
  release: NodeItem['Release'];
}

export class AssignmentSet {
  readonly tasks = new Map<string, Task>();
  readonly secrets = new Map<string, Secret>();
  readonly configs = new Map<string, Config>();
  /** Those that can be built: the node has an address in them. */
  readonly networks = new Map<string, NetworkAssignment>();
  /** Services with their tasks, by service id. */
  readonly endpoints = new Map<string, ServiceEndpoint>();
  /** By task id. */
  readonly backends = new Map<string, Backend>();
  /** Tasks that went while something of them may still be here: their stop needs their spec. */
  readonly departed = new Map<string, Task>();
  /** A complete set has come: only now is an unknown container an orphan. */
  complete = false;
  readonly #networkItems = new Map<string, Network>();
  readonly #services = new Map<string, ServiceItem>();
  readonly #backendsOfService = new Map<string, Map<string, Backend>>();
  readonly #nodes = new Map<string, NodeItem>();
  readonly #managers = new Map<string, ManagersItem>();
  readonly #peers = new Map<string, PeerItem>();
  #resultsIn = 0;

  /** Throws SequenceError for a message that is out of order. */
  apply(message: AssignmentMessage): Touched {
    if (message.type === 'incremental' && (!this.complete || message.appliesTo !== this.#resultsIn)) {
      throw new SequenceError(`assignments apply to ${message.appliesTo}, the last ones resulted in ${this.#resultsIn}`);
    }
    const touched = new Set<string>();
    const services = new Set<string>();
    const before = message.type === 'complete' ? this.#reset() : undefined;
    let networks = message.type === 'complete';
    let ways = networks;
    for (const change of message.changes) {
      const id = change.action === 'remove' ? change.id : change.item.ID;
      if (change.kind === 'network' || change.kind === 'node') networks = true;
      ways ||= this.#movesWays(change);
      if (change.kind === 'task') touched.add(id);
      if (change.kind === 'service') services.add(id);
      if (change.kind === 'backend') services.add(serviceOf(change) ?? this.backends.get(id)?.ServiceID ?? '');
      this.#change(change, before);
    }
    for (const [id, task] of before ?? []) {
      touched.add(id);
      if (!this.tasks.has(id)) this.departed.set(id, task);
    }
    if (networks) this.#assembleNetworks();
    for (const id of services) this.#assembleEndpoint(id);
    this.#resultsIn = message.resultsIn;
    this.complete = true;
    return { tasks: touched, network: ways || services.size > 0, ways };
  }

  /** Called before the change is taken in. */
  #movesWays(change: AssignmentChange): boolean {
    if (change.kind !== 'backend') return change.kind === 'network' || change.kind === 'node' || change.kind === 'peer' || change.kind === 'service';
    if (change.action === 'remove') return false;
    const known = this.backends.get(change.item.ID);
    return !known || !equal(placeOf(known), placeOf(change.item));
  }

  /** The other nodes on this one's networks. */
  get peers(): readonly Peer[] {
    const others = [...this.#peers.values()].filter(({ NodeID }) => !this.#nodes.has(NodeID));
    return others.map(({ NodeID, NetworkID, Gateway, Address, ShowsClients, Down, Encryption }) => ({
      nodeId: NodeID,
      networkId: NetworkID,
      gateway: Gateway,
      address: Address,
      ...(ShowsClients && { showsClients: true }),
      ...(Down && { down: true }),
      ...(Encryption && { encryption: Encryption }),
    }));
  }

  /** UDP port that networks over several nodes use; undefined: the usual one. */
  get dataPathPort(): number | undefined {
    return [...this.#nodes.values()][0]?.DataPathPort;
  }

  /** What the node is to know of itself, and of where the managers are; each undefined until it was told. */
  place(nodeId: string): NodePlace {
    const all = this.#managers.get(managersItemId);
    const { Role: role, Release: release } = this.#nodes.get(nodeId) ?? {};
    return { role, managers: all?.Addresses, managerIds: all?.NodeIDs ?? [], trust: all?.Trust, release };
  }

  /** Nothing is assigned any more: all that is ours shall go. */
  clear(): Touched {
    return this.apply({ type: 'complete', appliesTo: 0, resultsIn: 0, changes: [] });
  }

  #reset(): ReadonlyMap<string, Task> {
    const before = new Map(this.tasks);
    for (const table of Object.values(this.#tables())) table.clear();
    for (const table of [this.networks, this.endpoints, this.#backendsOfService]) table.clear();
    return before;
  }

  #tables(): Readonly<Record<AssignmentKind, Map<string, unknown>>> {
    return {
      task: this.tasks,
      secret: this.secrets,
      config: this.configs,
      network: this.#networkItems,
      service: this.#services,
      backend: this.backends,
      peer: this.#peers,
      node: this.#nodes,
      managers: this.#managers,
    };
  }

  #change(change: AssignmentChange, before: ReadonlyMap<string, Task> | undefined): void {
    const table = this.#tables()[change.kind];
    // An item of a kind that a newer manager knows is none of ours.
    if (table === undefined) return;
    if (change.action === 'remove') return this.#remove(change.kind, change.id, table);
    if (change.kind === 'task') {
      const known = before?.get(change.item.ID) ?? this.tasks.get(change.item.ID);
      this.departed.delete(change.item.ID);
      this.tasks.set(change.item.ID, withHighestDesire(change.item, known));
      return;
    }
    if (change.kind === 'backend') this.#putBackend(change.item);
    table.set(change.item.ID, change.item);
  }

  #remove(kind: AssignmentKind, id: string, table: Map<string, unknown>): void {
    const task = kind === 'task' ? this.tasks.get(id) : undefined;
    if (task) this.departed.set(id, task);
    if (kind === 'backend') this.#dropBackend(id);
    table.delete(id);
  }

  #putBackend(backend: Backend): void {
    const backends = this.#backendsOfService.get(backend.ServiceID) ?? new Map<string, Backend>();
    this.#backendsOfService.set(backend.ServiceID, backends.set(backend.ID, backend));
  }

  #dropBackend(id: string): void {
    const serviceId = this.backends.get(id)?.ServiceID ?? '';
    const backends = this.#backendsOfService.get(serviceId);
    backends?.delete(id);
    if (backends?.size === 0) this.#backendsOfService.delete(serviceId);
  }

  #assembleNetworks(): void {
    this.networks.clear();
    const gateways = Object.assign({}, ...[...this.#nodes.values()].map((node) => node.Gateways)) as Readonly<Record<string, string>>;
    for (const [id, Network] of this.#networkItems) {
      const Gateway = gateways[id];
      if (Gateway !== undefined) this.networks.set(id, { Network, Gateway });
    }
  }

  #assembleEndpoint(serviceId: string): void {
    const service = this.#services.get(serviceId);
    if (!service) return void this.endpoints.delete(serviceId);
    const Tasks = [...(this.#backendsOfService.get(serviceId)?.values() ?? [])]
      .toSorted((a, b) => (a.Slot ?? 0) - (b.Slot ?? 0) || compareTexts(a.ID, b.ID))
      .map(({ ID, ServiceID: _service, ...rest }) => ({ TaskID: ID, ...rest }));
    const { Name, Ports, VirtualIPs } = service;
    this.endpoints.set(serviceId, { ServiceID: serviceId, Name, Ports, ...(VirtualIPs && { VirtualIPs }), Tasks });
  }
}

function serviceOf(change: AssignmentChange): string | undefined {
  return change.action === 'update' && change.kind === 'backend' ? change.item.ServiceID : undefined;
}

/** All but whether anybody is led there. */
function placeOf({ Ready: _ready, Lost: _lost, ...place }: Backend): object {
  return place;
}

/** What is wanted of a task only ever moves on; a late message does not bring it back. */
function withHighestDesire(task: Task, known: Task | undefined): Task {
  if (!known || compareStates(known.DesiredState, task.DesiredState) <= 0) return task;
  return { ...task, DesiredState: known.DesiredState };
}

/** Whether the message tells of more than a node hears that runs nothing: where the managers are, and at first what the node is. */
export function needsNetwork({ type, changes, acknowledge }: AssignmentMessage): boolean {
  return acknowledge === true || changes.some(({ kind }) => kind !== 'managers' && !(kind === 'node' && type === 'complete'));
}

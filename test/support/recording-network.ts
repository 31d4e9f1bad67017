/** A node's network in memory: it holds what it is asked for, and shows it. It passes the same contract suite as the real one. */
import type { ServiceEndpoint } from '#model/object/assignment';
import type { PortClash } from '#model/object/node';
import type { BridgedNetwork, ComingAttachment, Facet, NameServer, NodeNetwork, Overlay, TaskAttachment, Traffic } from '#network/contract';
import { joinFacets } from '#network/node-network';
import { planOverlay } from '#network/overlay';

/** A facet that keeps the newest of what is wanted. */
class Recorded<Wanted> implements Facet<Wanted> {
  wanted: Wanted | undefined;
  applied = 0;
  /** Asked before a change is in force. */
  before: (wanted: Wanted) => Promise<void> = async () => {};
  /** Takes what is wanted and does nothing about it. */
  still = false;
  /** Told when one is. */
  after: () => void = () => {};
  #newest = 0;

  async apply(wanted: Wanted): Promise<void> {
    const turn = ++this.#newest;
    await this.before(wanted);
    if ((turn < this.#newest || this.still) && this.wanted !== undefined) return;
    this.wanted = wanted;
    this.applied += 1;
    this.after();
  }

  async audit(): Promise<readonly string[]> {
    return [];
  }

  problems(): readonly string[] {
    return [];
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    return { applied: this.applied };
  }
}

class RecordedBridges extends Recorded<readonly BridgedNetwork[]> {
  readonly attachments: TaskAttachment[] = [];
  /** Tasks of which nothing is left. */
  readonly gone: string[] = [];

  async attached(attachment: TaskAttachment): Promise<void> {
    this.attachments.push(attachment);
  }

  detached(taskId: string): void {
    this.gone.push(taskId);
  }
}

class RecordedPorts extends Recorded<Traffic> {
  /** What is said to be somebody else's. */
  taken: readonly PortClash[] = [];
  readonly attachments: TaskAttachment[] = [];
  /** Tasks of which nothing is left. */
  readonly gone: string[] = [];
  /** Tasks to whose containers somebody is connected. */
  readonly connections = new Set<string>();

  async attached(attachment: TaskAttachment): Promise<void> {
    this.attachments.push(attachment);
  }

  detached(taskId: string): void {
    this.gone.push(taskId);
  }

  async connected(taskId: string): Promise<boolean> {
    return this.connections.has(taskId);
  }

  clashes(): readonly PortClash[] {
    return this.taken;
  }
}

class RecordedNames extends Recorded<Traffic> {
  readonly gone: string[] = [];
  readonly attachments: ComingAttachment[] = [];

  async attached(attachment: ComingAttachment): Promise<void> {
    this.attachments.push(attachment);
  }

  detached(taskId: string): void {
    this.gone.push(taskId);
  }

  servers(): readonly NameServer[] {
    return (this.wanted?.networks ?? []).map(({ network, gateway }) => ({ networkId: network.ID, address: gateway, port: 64_053 }));
  }
}

class RecordedOverlay extends Recorded<Overlay> {
  override problems(): readonly string[] {
    return this.wanted ? planOverlay(this.wanted).problems : [];
  }
}

/** What a host holds of its networks: it outlives the process that applied it. */
export function recordedParts() {
  return { bridges: new RecordedBridges(), overlay: new RecordedOverlay(), ports: new RecordedPorts(), names: new RecordedNames() };
}

export class RecordingNetwork implements NodeNetwork {
  readonly calls: string[] = [];
  /** Networks of each publication, joined. */
  readonly updates: string[] = [];
  /** Set to refuse networks. */
  refusal: string | undefined;
  /** Asked before a network is ready. */
  beforeCreated: () => Promise<void> = async () => {};
  /** Asked before ports are in force. */
  beforeUpdate: () => Promise<void> = async () => {};
  readonly bridges: NodeNetwork['bridges'];
  readonly overlay: NodeNetwork['overlay'];
  readonly ports: NodeNetwork['ports'];
  readonly names: NodeNetwork['names'];
  readonly attaching: NodeNetwork['attaching'];
  readonly attached: NodeNetwork['attached'];
  readonly detaching: NodeNetwork['detaching'];
  readonly detached: NodeNetwork['detached'];

  constructor(readonly parts = recordedParts()) {
    const { bridges, ports } = parts;
    const joined = joinFacets(this.parts);
    this.bridges = joined.bridges;
    this.overlay = joined.overlay;
    this.ports = joined.ports;
    this.names = joined.names;
    this.attaching = joined.attaching;
    this.attached = joined.attached;
    this.detaching = joined.detaching;
    this.detached = joined.detached;
    bridges.before = async (wanted) => {
      if (this.refusal) throw new Error(this.refusal);
      await this.beforeCreated();
      const known = new Set(bridges.wanted?.map(({ network }) => network.ID));
      for (const { network, gateway } of wanted) if (!known.has(network.ID)) this.calls.push(`created ${network.ID} ${gateway}`);
      for (const id of known) if (!wanted.some(({ network }) => network.ID === id)) this.calls.push(`removed ${id}`);
    };
    ports.before = async ({ networks }) => {
      await this.beforeUpdate();
      this.updates.push(networks.map(({ network }) => network.ID).join());
    };
  }

  async start(): Promise<void> {
    this.calls.push('start');
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }

  /** The services that were last brought in force. */
  get endpoints(): readonly ServiceEndpoint[] {
    return this.parts.ports.wanted?.services ?? [];
  }

  get networks(): readonly string[] {
    return (this.parts.ports.wanted?.networks ?? []).map(({ network }) => network.ID);
  }

  /** Ids of the tasks that get traffic. */
  get tasks(): readonly string[] {
    return this.endpoints.flatMap((endpoint) => endpoint.Tasks.filter((task) => task.Ready).map((task) => task.TaskID));
  }
}

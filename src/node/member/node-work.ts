/** What a node does for its cluster: an agent with engine and network, and its line to a manager. */
import { join } from 'node:path';
import { Agent, type Place } from '#agent/agent';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import { DockerEngine } from '#engine/docker-engine';
import type { Heard, Listening, Look, NetworkLook } from '#model/doctor/examination';
import type { OpenSession } from '#model/object/assignment';
import type { TlsInfo } from '#model/object/authority';
import type { NodeDescription, NodeEncryption, NodeSpec } from '#model/object/node';
import type { RunRelease } from '#model/release/release';
import type { ReleaseKeeper } from '../release/release-keeper.ts';
import type { Identity } from '../state/identity.ts';
import { doorIn, figuresOf, makeNetwork, type WholeNetwork } from './node-network.ts';
import type { DaemonOptions } from '../options.ts';

export interface NodeWorkParts {
  clock: Clock;
  meter: Meter;
  logger: Logger;
  /** The line to the managers: the node's own agent speaks to its manager as those of other nodes do, over the wire. */
  openSession: OpenSession;
  /** Whom this node trusts, once it has a certificate. */
  tlsInfo: () => TlsInfo | undefined;
  /** That its certificate names. */
  role: () => NodeSpec['Role'] | undefined;
  /** What the engine has just said of itself: it is not asked at first; absent, or where that failed: it is. */
  described?: Promise<NodeDescription> | undefined;
  /** HOST:PORT where this node is reached as a manager, as far as that is its own to say; undefined: it is none, or was told so by hand. */
  managerAddress: () => string | undefined;
  /** Of the program that runs here. */
  release: Pick<ReleaseKeeper, 'run' | 'watch'>;
  /** Told what the managers say of this node's own place. */
  placed: (place: Place) => void;
  runFolder: string;
  /** Keeps the daemons of one machine apart. */
  instance: string;
}

/** What a leaving node's containers may take to end. */
const leaveLimitMs = 60_000;

export class NodeWork {
  readonly agent: Agent;
  readonly #network: WholeNetwork;
  readonly #logger: Logger;
  readonly #ending = new AbortController();

  constructor(
    { nodeId, address, dataPath }: Identity,
    options: DaemonOptions,
    { clock, logger, meter, openSession, tlsInfo, role, managerAddress, described, release, placed, runFolder, instance }: NodeWorkParts,
  ) {
    this.#logger = logger;
    this.#network = makeNetwork(
      { instance, nodeId, address: dataPath ?? address, runFolder, api: options.socket },
      { logger: logger.child({ part: 'network' }), clock },
    );
    const engine = new DockerEngine({
      socketPath: options.engine,
      nodeId,
      runFolder: join(runFolder, 'tasks'),
      door: doorIn(runFolder, instance),
      meter,
      networkMtu: (network) => this.#network.mtu(network),
    });
    const askEngine = (): Promise<NodeDescription> => engine.describe();
    let first = described;
    const describe = async (inHaste: boolean) => {
      const said = first?.catch(askEngine) ?? askEngine();
      first = undefined;
      // Together: an engine that refuses while the other is awaited would be heard by nobody, which ends the process.
      const [own, Encryption] = await Promise.all([said, inHaste ? undefined : this.#network.encryption.described()]);
      return withOwn(own, { TLSInfo: tlsInfo(), Role: role(), DataPathAddr: dataPath, ManagerAddr: managerAddress(), Encryption, Release: release.run });
    };
    const parts = { openSession, placed, clock, meter, logger: logger.child({ part: 'agent' }) };
    const modules = { engine, guests: engine.guests, describe, network: this.#network, ...parts };
    this.agent = new Agent({ nodeId }, modules);
    release.watch(() => this.tell());
  }

  /** See `Agent.start`. */
  async start(entered?: Promise<void>): Promise<void> {
    await this.agent.start(entered);
  }

  /** The node has another certificate: packets to other nodes are encrypted by another key from now on, too. */
  certified(): void {
    const rotated = this.#network.encryption.rotate(() => this.agent.describeToAll(), this.#ending.signal);
    void rotated.catch((error: unknown) => {
      if (this.#ending.signal.aborted) return;
      this.#logger.warn(
        { error: (error as Error).message },
        'another key that encrypts packets to other nodes could not be taken: the next certificate brings the next one',
      );
    });
  }

  /** Others reach this node, or what runs there where no other address was given for that, at another one from now on. */
  movedTo({ address, dataPath }: Identity): void {
    this.#network.movedTo(dataPath ?? address);
    this.tell();
  }

  /** What this node says of itself is another; where nobody hears it now, the next session begins with it. */
  tell(): void {
    void this.agent.describeAgain().catch(() => undefined);
  }

  /** Containers run on, published ports stay. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.agent.stop();
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    await this.agent.removeAll(leaveLimitMs);
    await this.stop();
    await this.#network.tearDown();
  }

  /** One of the looks that a doctor of the network takes. */
  async examine(look: NetworkLook): Promise<Listening | Look | readonly Heard[] | Record<string, never>> {
    const { doctor } = this.#network;
    if (look.what === 'listen') return await doctor.listen();
    if (look.what === 'heard') return await doctor.heard();
    if (look.what === 'send') {
      await doctor.send(look.peers);
      return {};
    }
    const findings = await doctor.look(look.managers);
    return { findings, services: this.agent.heldServices() };
  }

  serviceCounts(): ReturnType<WholeNetwork['serviceCounts']> {
    return this.#network.serviceCounts();
  }

  /** What the parts of the network count and cannot serve. */
  figures(): ReturnType<typeof figuresOf> {
    return figuresOf(this.#network);
  }
}

interface Own {
  TLSInfo: TlsInfo | undefined;
  Role: NodeSpec['Role'] | undefined;
  DataPathAddr: string | undefined;
  ManagerAddr: string | undefined;
  Encryption: NodeEncryption | undefined;
  Release: RunRelease;
}

function withOwn(description: NodeDescription, { TLSInfo, Role, DataPathAddr, ManagerAddr, Encryption, Release }: Own): NodeDescription {
  const Shoal = {
    ...description.Shoal,
    Release,
    ...(Encryption && { Encryption }),
    ...(Role && { Role }),
    ...(DataPathAddr !== undefined && { DataPathAddr }),
    ...(ManagerAddr !== undefined && { ManagerAddr }),
  };
  return { ...description, ...(TLSInfo && { TLSInfo }), Shoal };
}

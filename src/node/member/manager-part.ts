/** A node as a manager: its seat with log and state, and the door that nodes come to. */
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { seededRandom } from '#base/random';
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import { Registries } from '#engine/registries';
import { GitOps } from '#gitops/gitops';
import { foresee } from '#manager/foresight/foresee';
import { certificates } from '#identity/certificates';
import { askExternal } from '#identity/external-signer';
import { CertificateAuthority } from '#manager/authority/certificate-authority';
import type { Duty } from '#manager/leader-duties';
import type { Manager } from '#manager/manager';
import { RootRotation } from '#manager/authority/root-rotation';
import { ManagerMoves } from '#manager/seats/manager-moves';
import { ManagerRoles } from '#manager/seats/manager-roles';
import { ReleaseRollout } from '#manager/release/release-rollout';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { roleOf } from '#model/manager-address';
import { swarmTexts } from '#model/swarm-texts';
import { takeBackup } from '#replica/backup/backup';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { withPromise } from '#replica/group/promise';
import { ReplicatedState } from '#replica/state';
import type { LiveTls, NodeTls } from '#rpc/credentials';
import { ForwardClient } from '#rpc/forward/forward-client';
import { RaftTransport } from '#rpc/raft/raft-transport';
import type { EventOf } from '#store/action';
import { clusterOf } from '#store/view';
import { gitOpsOptions } from '../git-ops-options.ts';
import { checkReached } from '#rpc/greeter';
import { checkSeated } from '#rpc/seat-look';
import { ManagerDoor } from './manager-door.ts';
import { diskBytes, type DiskBytes } from './disk-bytes.ts';
import type { CertificateKeeper } from './certificate-keeper.ts';
import type { NodeLock } from './node-lock.ts';
import { nodeOfKey } from './node-of-key.ts';
import { paceOf } from './pace.ts';
import { relayedIssuer } from './relayed-issuer.ts';
import { SealFollower } from './seal-follower.ts';
import { managerPlace, type Identity } from '../state/identity.ts';
import type { DaemonOptions } from '../options.ts';
import { systemRandom } from '../system.ts';

type ReconcileListener = Parameters<GitOps['events']['watch']>[0];

export interface ManagerPartParts {
  /** `founds`: this node begins a cluster; `joins`: those who agree take it in, and it begins with nothing; `returns`: it has a log, or must not go on. */
  begins: 'founds' | 'joins' | 'returns';
  /** Requests are answered, and nothing is done about them. */
  safe: boolean;
  /** Path of the socket for the agent of this host; absent in safe mode: no node is served. */
  socket?: string;
  /** What this node's files are sealed with. */
  lock: NodeLock;
  keeper: Pick<CertificateKeeper, 'stage' | 'sealAgain'>;
  meter: Meter;
  /** What this node shows to others; undefined while it has no certificate. */
  tls: () => LiveTls | undefined;
  /** HOST:PORT that it listens on for other nodes, as it is now. */
  listen: () => string;
  /** Given each connection that another manager opens to this one's API. */
  connected: (connection: Duplex) => void;
  clock: Clock;
  logger: Logger;
  /** The process must end and start again from the disk. */
  onFatal: (error: unknown) => void;
  onReconcile: ReconcileListener;
}

/** Before a manager that joins is asked again whether it takes part. */
const lookMs = 5;

export class ManagerPart {
  readonly state: ReplicatedState;
  readonly log: Replica;
  readonly seat: ManagerSeat;
  /** Connections to the API of whoever leads. */
  readonly forward: ForwardClient;
  readonly #clock: Clock;
  /** Of the group that the log belongs to. */
  #incarnation = 1;
  #gitops: GitOps | undefined;
  #authority: CertificateAuthority | undefined;
  readonly #door: ManagerDoor | undefined;
  #isOpen = false;
  readonly #seal: SealFollower;
  readonly #folder: string;

  constructor(identity: Identity, options: DaemonOptions, parts: ManagerPartParts) {
    const { clock, logger, begins, safe, socket, tls, onFatal } = parts;
    const random = systemRandom;
    const folder = join(options.state, 'raft');
    const { nodeId } = identity;
    const lines = { nodeId, tls, clock, random, logger: logger.child({ part: 'managers' }) };
    const transport = new RaftTransport({ ...lines, incarnation: () => this.#incarnation, ...(options.managers && { elsewhere: options.managers }) });
    const incarnation = begins === 'joins' && identity.incarnation !== undefined ? { incarnation: identity.incarnation } : {};
    const open = openDisk({
      folder,
      clock,
      node: nodeId,
      founds: begins !== 'returns',
      reserveLater: begins !== 'returns',
      lock: parts.lock.bytes,
      meter: parts.meter,
      ...incarnation,
      logger: logger.child({ part: 'disk' }),
    });
    this.state = new ReplicatedState(clock);
    this.#clock = clock;
    this.#folder = folder;
    this.forward = new ForwardClient(tls);
    this.log = new Replica(
      { nodeId, address: managerPlace(identity), snapshotEntries: options.snapshotEntries, ...options.beat },
      {
        clock,
        random: seededRandom(random.next() * 2 ** 48),
        logger: logger.child({ part: 'raft', folder }),
        stateMachine: this.state,
        meter: parts.meter,
        pace: () => paceOf(clusterOf(this.state.store), options.snapshotEntries),
        openStorage: async (bootstrap) => {
          const opened = await open(bootstrap);
          this.#incarnation = opened.owner?.incarnation ?? 1;
          return await withPromise(opened, nodeId, begins === 'joins' ? identity.votedUntil : undefined);
        },
        transport,
        ...(begins === 'joins' && { founders: [] }),
        onFatal,
      },
    );
    this.seat = new ManagerSeat(
      { onlyRequests: safe },
      {
        log: this.log,
        state: this.state,
        stages: safe ? [] : stages,
        meter: parts.meter,
        clock,
        random,
        logger: logger.child({ part: 'manager' }),
        onFatal,
        duties: (cluster) => (safe ? [] : this.#duties(cluster, identity, options, parts)),
      },
    );
    this.#door = socket === undefined ? undefined : this.#newDoor(identity, socket, transport, parts);
    this.#seal = new SealFollower({
      seat: this.seat,
      state: this.state,
      lock: parts.lock,
      keeper: parts.keeper,
      folder,
      clock,
      logger: logger.child({ part: 'lock' }),
    });
    this.#cutOffWhoMayNot();
  }

  /** Whoever was removed, or may do less than before, is cut off at once: what he has open was let pass by what he was. */
  #cutOffWhoMayNot(): void {
    this.state.watch((events) => {
      for (const event of events) if (event.kind === 'node' && mayDoLess(event)) this.#door?.cut(event.id);
    });
    this.state.onRestore(() => this.#door?.judgeAnew());
  }

  #duties(
    cluster: Manager,
    { nodeId }: Identity,
    options: DaemonOptions,
    { clock, logger, tls, meter, onReconcile }: ManagerPartParts,
  ): readonly (() => Duty)[] {
    const part = (name: string) => ({ cluster, clock, logger: logger.child({ part: name }) });
    // That of the term before is over.
    this.#gitops = undefined;
    const newGitOps = (): GitOps => {
      const gitops = new GitOps(gitOpsOptions(options), { ...part('gitops'), foresee, meter, registries: new Registries(options.engine) });
      gitops.events.watch(onReconcile);
      return (this.#gitops = gitops);
    };
    const authority = new CertificateAuthority({
      ...part('ca'),
      nodeId,
      certificates,
      askExternal: async (url, body, roots) => askExternal(url, body, { ...ownOf(tls()), roots }),
      checkReached,
      random: systemRandom,
      view: () => this.seat.view(),
      seats: () => this.log.members,
      incarnation: () => this.#incarnation,
    });
    this.#authority = authority;
    const group = { nodeId, standing: () => this.seat.standing(), members: () => this.log.members };
    const roles = new ManagerRoles({ ...part('managers'), ...group });
    const checkReachedAt = async (address: string, id: string) => checkSeated(address, id, ownOf(tls()));
    const newMoves = (): Duty => new ManagerMoves({ ...part('managers'), ...group, checkSeated: checkReachedAt });
    const rotation = new RootRotation({ ...part('ca'), random: systemRandom });
    const newRollout = (): Duty =>
      new ReleaseRollout({
        ...part('release'),
        managers: () => this.seat.standing(),
        tell: (name, message) => this.#gitops?.events.tell({ type: 'repository', name, action: 'release', message }),
      });
    return [() => authority, () => rotation, () => roles, newMoves, newGitOps, newRollout];
  }

  #newDoor(identity: Identity, socket: string, transport: RaftTransport, { clock, logger, connected, tls, listen }: ManagerPartParts): ManagerDoor {
    const relayed = relayedIssuer(
      () => this.seat.view(),
      () => this.seat.leaderAddress(),
      tls,
    );
    return new ManagerDoor({
      nodeId: identity.nodeId,
      socket,
      listen,
      leader: () => this.seat.leaderAddress(),
      openSession: (id, ...asked) => {
        transport.called(id);
        return this.seat.openSession(id, ...asked);
      },
      members: {
        clusterId: () => clusterOf(this.state.store)?.ID,
        roleOf: (id) => {
          const node = this.state.store.get('node', id);
          return node && roleOf(node);
        },
        wasRemoved: (id) => (clusterOf(this.state.store)?.Shoal?.Removed?.[id] ?? 0) > this.#clock.now(),
        current: () => this.seat.leads(),
        byKey: (digest) => nodeOfKey(this.state.store, digest),
      },
      isNodeAt: (address) => [...this.state.store.list('node')].some(({ Status }) => Status.Addr === address),
      transport,
      connected,
      issuer: () => (this.seat.leads() ? this.authority : relayed),
      clock,
      logger: logger.child({ part: 'dispatcher' }),
    });
  }

  /** Resolves when this manager takes part with a vote and answers; never while it is not let in. */
  async ready(signal: AbortSignal): Promise<void> {
    const votes = () => this.seat.standing()?.members.some(({ id, voter }) => voter && id === this.seat.standing()?.id);
    while (!signal.aborted) {
      const reads = votes() === true && (await this.seat.read().then(Boolean, () => false));
      if (reads) return;
      await pause(this.#clock, lookMs);
    }
  }

  /** Others reach this manager at another address, HOST:PORT. */
  movedTo(address: string): void {
    if (this.log.standing()) this.log.members.movedTo(address);
  }

  /** Others lead from now on, where there are any: they need not miss this one first. */
  async handOver(): Promise<void> {
    const others = (this.seat.standing()?.members.length ?? 0) > 1;
    if (others && this.seat.leads()) await this.seat.transferLeadership();
  }

  /** All that this manager holds now, sealed. */
  backup(passphrase: string): AsyncIterable<Uint8Array> {
    const { store } = this.state;
    const standing = this.seat.standing();
    const facts = {
      cluster: clusterOf(store)?.ID ?? '',
      node: standing?.id ?? '',
      takenAt: new Date(this.#clock.now()).toISOString(),
      incarnation: this.#incarnation,
      term: standing?.term ?? 1,
    };
    return takeBackup({ facts, image: store.image() }, passphrase);
  }

  /** A connection to another node; see `NodeTunnels.open`. */
  async openNode(nodeId: string, signal: AbortSignal): Promise<Duplex> {
    if (!this.#door) throw new Refusal('unavailable', 'in safe mode this manager serves no node', { node: nodeId });
    return await this.#door.tunnels.open(nodeId, signal);
  }

  /** What the reconciler does not write of a stack; undefined also where another node reconciles. */
  waiting(stack: string): ReturnType<GitOps['waiting']> {
    return this.#gitops?.waiting(stack);
  }

  /** The reconciler of this leader; refuses where none leads. */
  get gitops(): GitOps {
    if (!this.#gitops || !this.seat.leads())
      throw new Refusal('unavailable', 'the repositories are followed by the leader of the managers, and this node is not it');
    return this.#gitops;
  }

  /** Signs certificates; refuses where none leads. */
  get authority(): CertificateAuthority {
    if (!this.#authority || !this.seat.leads()) throw new Refusal('unavailable', swarmTexts.starting);
    return this.#authority;
  }

  /** What the reconciler did lately, oldest first. */
  get reconciled(): ReturnType<GitOps['events']['recent']> {
    return this.#gitops?.events.recent() ?? [];
  }

  /** How the log stands, and what it takes of the disk. */
  logFigures(): { term: number; proposalsPending: number; bytes: () => Promise<DiskBytes> } {
    return { term: this.seat.standing()?.term ?? 0, proposalsPending: this.log.proposalsPending, bytes: () => diskBytes(this.#folder) };
  }

  /** Lets the nodes in: this host's agent, and the others once there is a certificate to show. */
  async open(tls: LiveTls | undefined): Promise<void> {
    this.#seal.start();
    await this.#door?.startLocal();
    this.#isOpen = true;
    if (tls) await this.#door?.listen(tls);
  }

  /** The node has a certificate: the others may have waited for that. */
  async certified(tls: LiveTls): Promise<void> {
    if (this.#isOpen) await this.#door?.listen(tls);
  }

  /** Nodes turn to other managers. */
  async close(): Promise<void> {
    this.forward.close();
    await this.#seal.stop();
    await this.#door?.stop();
  }
}

function ownOf(tls: LiveTls | undefined): NodeTls {
  if (!tls) throw new Refusal('unavailable', 'this manager has no certificate to show yet');
  return tls.now;
}

function mayDoLess({ object, previous }: EventOf<'node'>): boolean {
  return !object || (previous !== undefined && roleOf(previous) === 'manager' && roleOf(object) !== 'manager');
}

/** The daemon: serves the API, and lives in a cluster or waits for one. */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ApiServer } from '#api/server';
import type { InitRequest, JoinRequest, LocalSwarm, ReconcileEvent, SwarmStatus, TaskLogLine, TaskLogOptions } from '#api/dependencies';
import { newId } from '#base/ids';
import { Listeners } from '#base/listeners';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { deployPlanner } from '#gitops/plan';
import { initCluster } from '#control/clusters';
import { Registries } from '#engine/registries';
import { forgetCertificateFiles, type NodeCertificate } from '#identity/certificate-files';
import { joiningPlaceOf, placeOf, type AskedPlace, type Place } from './address.ts';
import { Custodian } from './restore/custodian.ts';
import { describeEngine, refuseUnfitHost } from './founding/fitness.ts';
import { initOptions } from './founding/init-options.ts';
import { hasLostItsCluster, newCluster } from './founding/new-cluster.ts';
import { JoinAttempt } from './join/join-attempt.ts';
import { joinCluster, type JoinedNode } from './join/join-cluster.ts';
import type { ManagerPart } from './member/manager-part.ts';
import { ClusterDoor } from './cluster-door.ts';
import { leaderWay } from './leader-way.ts';
import { forgetIdentity, readIdentity, writeIdentity, type Identity } from './state/identity.ts';
import { addressPools, instanceOf } from './state/instance.ts';
import { Membership } from './member/membership.ts';
import { remoteLogs } from './member/remote-logs.ts';
import type { DaemonOptions } from './options.ts';
import { livedMs, safetyOf, startsThatDied, writeStarts } from './state/starts.ts';
import { lockState } from './state/state-lock.ts';
import { systemClock, systemRandom } from './system.ts';
import { programVersion } from '#base/version';
import type { Task } from '#model/object/task';
import { swarmTexts } from '#model/swarm-texts';

/** Docker's. */
const joinLimitMs = 20_000;

export class Daemon implements LocalSwarm {
  readonly #options: DaemonOptions;
  readonly #logger: Logger;
  readonly #onFatal: (error: unknown) => void;
  readonly #door: ClusterDoor;
  readonly #api: ApiServer;
  readonly #listeners: Listeners<ReconcileEvent>;
  #member: Membership | undefined;
  #changing = false;
  /** On its way into a cluster; it goes on after the request that began it was answered. */
  #joining: JoinAttempt<JoinedNode> | undefined;
  #unlock: () => Promise<void> = async () => {};
  /** Why only the API runs. */
  #safety: string | undefined;
  /** In safe mode: why not even the cluster's state can be read. */
  #broken = '';
  #endCount: () => void = () => {};

  constructor(options: DaemonOptions, logger: Logger, onFatal: (error: unknown) => void) {
    this.#options = options;
    this.#logger = logger;
    this.#door = new ClusterDoor(logger);
    this.#listeners = new Listeners(logger, 'the reconciler');
    this.#onFatal = onFatal;
    this.#api = new ApiServer(
      { socketPath: options.socket, socketGroup: options.group, version: programVersion },
      {
        cluster: this.#door,
        leader: leaderWay(() => this.#managing()),
        swarm: this,
        custody: new Custodian(options, {
          logger,
          exclusively: (work) => this.#exclusively(work),
          managing: () => this.#managing(),
          inside: () => this.#member !== undefined || this.#joining !== undefined,
          refuse: () => this.#refuseInSafeMode(),
          giveUp: () => this.#giveUp(),
          enter: (identity, files) => this.#enterAs(identity, files),
          goBack: (identity) => this.#return(identity),
        }),
        engineSocket: options.engine,
        registries: new Registries(options.engine),
        nodes: {
          open: async (nodeId, signal) => await this.#managing().openNode(nodeId, signal),
          isTask: (containerId) => this.#member?.agent.runs(containerId) === true,
        },
        logs: { open: (task, logOptions, signal) => this.#logs(task, logOptions, signal) },
        reconciler: {
          sync: async (name) => this.#managing().gitops.sync(name),
          waiting: (name) => this.#member?.manager?.waiting(name),
          adoption: async (name, adopter) => this.#managing().gitops.adoption(name, adopter),
          plan: deployPlanner(this.#door, systemClock),
        },
        reconcileEvents: { watch: (listener) => this.#watchEvents(listener) },
        metrics: {
          raftIndex: () => this.#member?.manager?.state.store.index ?? 0,
          leads: () => this.#member?.manager?.seat.leads() ?? false,
          readOnly: () => this.#member?.manager?.log.full !== undefined,
          network: async () => (await this.#member?.networkFigures()) ?? [],
        },
        logger: logger.child({ part: 'api' }),
        clock: systemClock,
      },
    );
  }

  #logs(task: Task, options: TaskLogOptions, signal: AbortSignal): AsyncIterable<TaskLogLine> {
    const { identity, agent } = this.#inside();
    if (task.NodeID === identity.nodeId) return agent.logs(task.ID, options, signal);
    return remoteLogs(task, options, signal, (nodeId) => this.#managing().openNode(nodeId, signal));
  }

  /** Resolves when the API answers; in a cluster, when its state is there. Refuses what cannot work. */
  async start(): Promise<void> {
    const { state, run, socket } = this.#options;
    for (const folder of [state, run, dirname(socket)]) mkdirSync(folder, { recursive: true, mode: 0o711 });
    this.#unlock = await lockState(state);
    const died = startsThatDied(state);
    this.#safety = safetyOf(this.#options.safeMode, died);
    const identity = readIdentity(state);
    try {
      if (this.#safety !== undefined) await this.#enterSafely(identity, this.#safety);
      else {
        this.#count(died + 1);
        if (identity) await this.#return(identity);
      }
    } catch (error) {
      // A refusal says what to do: it is no death.
      if (error instanceof Refusal && this.#safety === undefined) this.#count(died);
      throw error;
    }
    await this.#api.start();
    if (this.#safety === undefined) this.#endCount = systemClock.after(livedMs, () => this.#count(0));
    this.#logger.info({ socket, state, swarm: identity ? 'active' : 'inactive' }, this.#safety ?? 'the daemon is ready');
  }

  async #return(identity: Identity): Promise<void> {
    await refuseUnfitHost();
    const member = this.#newMember(identity, false);
    await member.startSeat();
    if (member.manager && hasLostItsCluster(member.manager))
      throw new Refusal(
        'failedPrecondition',
        `${this.#options.state} says that this node is in a cluster, but its log holds none: put back a copy of the folder, or move it away to begin anew`,
      );
    await this.#enter(member);
  }

  /** The cluster's state for reading and mending, if it can be had at all; nothing that looks after anything. */
  async #enterSafely(identity: Identity | undefined, why: string): Promise<void> {
    this.#logger.warn({ state: this.#options.state }, why);
    if (!identity) return;
    try {
      const member = this.#newMember(identity, false);
      await member.startSeat();
      await this.#enter(member);
    } catch (error) {
      this.#breakDown(error);
    }
  }

  /** In safe mode what fails is told and not fatal: there is nothing left to start again with. */
  #breakDown(error: unknown): void {
    this.#broken = `the cluster's state cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    this.#logger.error({ error: this.#broken }, 'safe mode goes on without the cluster: put back a copy of the state folder');
    this.#door.use(undefined);
    this.#member = undefined;
  }

  #count(starts: number): void {
    if (writeStarts(this.#options.state, starts)) return;
    this.#logger.warn({ state: this.#options.state }, 'starts cannot be counted: there will be no safe mode by itself; make room on the disk');
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    this.#endCount();
    this.#joining?.abandon();
    // While it is answered here, what is asked goes to the next leader.
    await this.#member?.handOver();
    await this.#api.stop();
    await this.#member?.stop();
    // An orderly end is no death; after a safe life the next start is whole again.
    this.#count(0);
    await this.#unlock();
  }

  status(): SwarmStatus {
    const identity = this.#member?.identity;
    const manager = this.#member?.manager;
    const inside = this.#joining ? 'pending' : identity ? 'active' : 'inactive';
    return {
      LocalNodeState: this.#broken !== '' ? 'error' : inside,
      NodeID: identity?.nodeId ?? '',
      NodeAddr: identity?.address ?? '',
      ControlAvailable: manager !== undefined,
      Error: this.#broken || (manager?.log.full?.message ?? this.#joining?.problem ?? this.#member?.problem ?? ''),
      ...(identity && !manager && { RemoteManagers: identity.managers ?? [] }),
      ...(this.#safety !== undefined && { SafeMode: this.#safety }),
    };
  }

  init(request: InitRequest): Promise<string> {
    return this.#exclusively(async () => {
      this.#refuseInSafeMode();
      if (request.ForceNewCluster && this.#member) {
        await this.#member.standAlone();
        return this.#member.identity.nodeId;
      }
      this.#refuseInside();
      const { listen, address, managerAddress } = await placeOf(this.#placed(request));
      await refuseUnfitHost();
      const identity: Identity = { nodeId: newId(systemRandom), address, role: 'manager', listen, managerAddress };
      const description = await describeEngine(this.#options, identity.nodeId);
      const { files, ...authority } = await newCluster(identity.nodeId, request.Spec?.CAConfig?.NodeCertExpiry);
      // Remains of a cluster that was left half-way, or of an init that did not end.
      this.#forget();
      const member = this.#newMember(identity, true);
      // Whoever leads must be able to show who he is.
      member.take(files);
      try {
        await member.startSeat();
        const asked = initOptions(request, identity, description, addressPools(instanceOf(this.#options.state)));
        await member.manager?.seat.submit(initCluster({ ...asked, authority, managerAddress }));
      } catch (error) {
        await member.stop();
        this.#forget();
        throw error;
      }
      writeIdentity(this.#options.state, identity);
      await this.#enter(member);
      this.#logger.info({ node: identity.nodeId, address }, 'made a cluster: this node is its first manager');
      // Whoever asked goes on at once, and shall find the node ready. What keeps it from that does not undo the cluster.
      await member.served(joinLimitMs);
      return identity.nodeId;
    });
  }

  /** Resolves when the node is in the cluster. After a while without answer it goes on by itself, until a leave or a restart. */
  join(request: JoinRequest, replaces = ''): Promise<void> {
    return this.#exclusively(async () => {
      this.#refuseInSafeMode();
      this.#refuseInside();
      const remotes = request.RemoteAddrs ?? [];
      if (remotes.length === 0) throw new Refusal('invalidArgument', 'at least 1 RemoteAddr is required to join', { plain: true });
      const { place, unheard } = await joiningPlaceOf(this.#placed(request), remotes);
      await refuseUnfitHost();
      const { JoinToken: token = '', Availability: availability = 'active' } = request;
      const options = { remotes, token, availability, replaces, unheard, advertised: place.managerAddress };
      const attempt = new JoinAttempt((signal) => joinCluster(options, systemClock, signal), systemClock);
      this.#joining = attempt;
      void attempt.joined.then(
        (joined) => this.#enterJoined(attempt, joined, place),
        (error: unknown) => this.#joinFailed(attempt, error),
      );
      await attempt.within(joinLimitMs, this.#logger);
    });
  }

  #placed(request: AskedPlace): AskedPlace {
    return { ...request, AdvertiseAddr: request.AdvertiseAddr || (this.#options.defaultAdvertiseAddr ?? '') };
  }

  /** With a state that is there already. */
  async #enterAs(identity: Identity, files: NodeCertificate): Promise<void> {
    const member = this.#newMember(identity, false);
    member.take(files);
    try {
      await member.startSeat();
      writeIdentity(this.#options.state, identity);
      await this.#enter(member);
    } catch (error) {
      this.#door.use(undefined);
      this.#member = undefined;
      await member.stop();
      throw error;
    }
  }

  async #enterJoined(attempt: JoinAttempt<JoinedNode>, { files, ...joined }: JoinedNode, place: Place): Promise<void> {
    if (this.#joining !== attempt) return;
    try {
      const identity: Identity = { ...joined, ...place, ...(joined.role === 'manager' && { begins: true }) };
      this.#forget();
      const member = this.#newMember(identity, false);
      member.take(files);
      writeIdentity(this.#options.state, identity);
      this.#joining = undefined;
      await member.startSeat();
      await this.#enter(member);
      this.#logger.info({ node: identity.nodeId, role: identity.role }, 'joined a cluster');
      // Whoever asked hears of it when the managers see the node.
      await member.served();
      attempt.done();
    } catch (error) {
      this.#joinFailed(attempt, error);
    }
  }

  #joinFailed(attempt: JoinAttempt<JoinedNode>, error: unknown): void {
    if (this.#joining === attempt) this.#joining = undefined;
    this.#logger.warn({ error: (error as Error).message }, 'this node did not join the cluster');
    attempt.failed(error);
  }

  leave(): Promise<void> {
    return this.#exclusively(async () => {
      this.#refuseInSafeMode();
      if (this.#joining) {
        this.#joining.abandon();
        this.#joining = undefined;
        return;
      }
      const member = this.#inside();
      await member.giveUpSeat(this.#options.socket);
      this.#door.use(undefined);
      await member.leave();
      this.#member = undefined;
      this.#forget();
      this.#logger.info({ node: member.identity.nodeId }, 'left the cluster: its tasks on this node are ended, and the daemon waits for another one');
    });
  }

  /** Containers run on: what comes next may know them. */
  async #giveUp(): Promise<void> {
    this.#joining?.abandon();
    this.#joining = undefined;
    const member = this.#member;
    if (!member) return;
    this.#door.use(undefined);
    this.#member = undefined;
    await member.stop();
  }

  #refuseInSafeMode(): void {
    if (this.#safety !== undefined) throw new Refusal('unavailable', this.#safety);
  }

  #refuseInside(): void {
    if (this.#member || this.#joining) throw new Refusal('unavailable', swarmTexts.alreadyPart);
  }

  #newMember(identity: Identity, founds: boolean): Membership {
    return new Membership(identity, this.#options, {
      clock: systemClock,
      logger: this.#logger,
      founds,
      safe: this.#safety !== undefined,
      onFatal: (error) => (this.#safety === undefined ? this.#onFatal(error) : this.#breakDown(error)),
      onReconcile: (event) => this.#listeners.tell(event),
      connected: (connection) => this.#api.connected(connection),
      asked: (connection) => this.#api.asked(connection),
      onSeat: (manager) => this.#door.use(manager?.seat),
    });
  }

  async #enter(member: Membership): Promise<void> {
    this.#member = member;
    this.#door.use(member.manager?.seat);
    await member.startWork();
  }

  #inside(): Membership {
    if (!this.#member) throw new Refusal('unavailable', swarmTexts.notPart);
    return this.#member;
  }

  #managing(): ManagerPart {
    const { manager } = this.#inside();
    if (!manager) throw new Refusal('unavailable', swarmTexts.worker);
    return manager;
  }

  #forget(): void {
    forgetIdentity(this.#options.state);
    forgetCertificateFiles(this.#options.state);
    for (const name of ['raft', 'repositories']) rmSync(join(this.#options.state, name), { recursive: true, force: true });
  }

  #watchEvents(listener: (event: ReconcileEvent) => void): () => void {
    for (const event of this.#member?.manager?.reconciled ?? []) listener(event);
    return this.#listeners.add(listener);
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#changing) throw new Refusal('unavailable', 'This node is entering or leaving a swarm already. Try again in a moment.');
    this.#changing = true;
    try {
      return await work();
    } finally {
      this.#changing = false;
    }
  }
}

/** How this node stands to a cluster: in none, on its way into one, in it, locked, or on its way out. One change at a time. */
import { join } from 'node:path';
import type { ApiServer } from '#api/server';
import type { InitRequest, JoinRequest, LocalSwarm, ReconcileEvent, SwarmStatus } from '#api/dependencies';
import { newId } from '#base/ids';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { isLocked } from '#disk/key';
import type { NodeCertificate } from '#identity/certificate-files';
import { swarmTexts } from '#model/swarm-texts';
import { unlockKeyBytes, unlockKeyText } from '#model/trust/unlock-key';
import { joiningPlaceOf, placeOf, type AskedPlace, type Place } from './place/address.ts';
import { placeNow, tellMoved } from './place/own-place.ts';
import type { ClusterDoor } from './cluster-door.ts';
import { describeEngine, type Fitness } from './founding/fitness.ts';
import { initOptions, locksManagers } from './founding/init-options.ts';
import { newCluster, refuseLostCluster } from './founding/new-cluster.ts';
import { JoinAttempt, joinLimitMs } from './join/join-attempt.ts';
import { joinCluster, type JoinedNode } from './join/join-cluster.ts';
import type { ManagerPart } from './member/manager-part.ts';
import { Membership } from './member/membership.ts';
import { NodeLock } from './member/node-lock.ts';
import type { DaemonOptions } from './options.ts';
import type { ReleaseKeeper } from './release/release-keeper.ts';
import { Custodian } from './restore/custodian.ts';
import { forgetCluster } from './state/forget.ts';
import { writeIdentity, type Identity } from './state/identity.ts';
import { addressPools, instanceOf } from './state/instance.ts';
import type { KeptEvents } from './state/kept-events.ts';
import { swarmStatus } from './state/swarm-status.ts';
import { systemClock, systemRandom } from './system.ts';

export interface ClusterLifeParts {
  logger: Logger;
  /** Led to the cluster that the node is in. */
  door: ClusterDoor;
  fitness: Fitness;
  kept: KeptEvents;
  release: ReleaseKeeper;
  api: () => Pick<ApiServer, 'meter' | 'connected' | 'asked'>;
  /** Why only the API runs; undefined: everything does. */
  safety: () => string | undefined;
  onFatal: (error: unknown) => void;
  onReconcile: (event: ReconcileEvent) => void;
}

/** For so long whoever unlocks a manager waits until it takes part. */
const unlockedLimitMs = 3000;

export class ClusterLife implements LocalSwarm {
  readonly custody: Custodian;
  readonly #options: DaemonOptions;
  readonly #parts: ClusterLifeParts;
  readonly #logger: Logger;
  readonly #door: ClusterDoor;
  #member: Membership | undefined;
  #changing = false;
  /** Whose files are sealed with a key that nobody has given yet. */
  #locked: Identity | undefined;
  /** On its way into a cluster; it goes on after the request that began it was answered. */
  #joining: JoinAttempt<JoinedNode> | undefined;
  /** Its steps are being taken, or taken back. */
  #entering = false;
  /** In safe mode: why not even the cluster's state can be read. */
  #broken = '';

  constructor(options: DaemonOptions, parts: ClusterLifeParts) {
    this.#options = options;
    this.#parts = parts;
    this.#logger = parts.logger;
    this.#door = parts.door;
    this.custody = this.#newCustodian();
  }

  #newCustodian(): Custodian {
    return new Custodian(this.#options, {
      logger: this.#logger,
      exclusively: (work) => this.#exclusively(work),
      managing: () => this.managing(),
      inside: () => this.#member !== undefined || this.#joining !== undefined || this.#entering,
      refuse: () => this.#refuseInSafeMode(),
      giveUp: () => this.#giveUp(),
      enter: (identity, files, lock) => this.#enterAs(identity, files, lock),
      locked: () => this.#locked && ((lock) => this.#unlockWith(lock)),
      goBack: (identity) => this.#return(identity),
    });
  }

  get member(): Membership | undefined {
    return this.#member;
  }

  /** In no cluster, and on no way into one. */
  get unasked(): boolean {
    return !this.#changing && !this.#joining && !this.#member && !this.#locked;
  }

  get #safety(): string | undefined {
    return this.#parts.safety();
  }

  /** With what the state folder holds of a cluster. */
  async begin(identity: Identity | undefined): Promise<void> {
    if (this.#safety !== undefined) await this.#enterSafely(identity, this.#safety);
    else if (identity) await this.#return(identity);
  }

  /** Containers run on. `silent` ends what is asked of this daemon, after others lead and before the node says that it comes back. */
  async stop(silent: () => Promise<void>): Promise<void> {
    this.#joining?.abandon();
    // While it is answered here, what is asked goes to the next leader.
    await this.#member?.manager?.handOver();
    await silent();
    await this.#member?.stop();
  }

  async #return(identity: Identity, lock?: string): Promise<void> {
    await this.#parts.fitness.check();
    if (lock === undefined && (await this.#staysLocked(identity))) return;
    // Before it may lead: nobody would find a leader where it was.
    const now = await placeNow(identity, [...(this.#options.managers ?? []), ...(identity.managers ?? [])]);
    tellMoved(identity, now, this.#logger);
    const member = this.#newMember(now, false, lock);
    await member.startSeat();
    refuseLostCluster(member.manager, this.#options.state);
    await this.#enter(member);
  }

  /** What runs here runs on, and is looked after again when it is unlocked. */
  async #staysLocked(identity: Identity): Promise<boolean> {
    if (!(await isLocked(join(this.#options.state, 'raft')))) return false;
    this.#locked = identity;
    this.#door.use(undefined, swarmTexts.locked);
    this.#logger.warn({}, 'this manager is locked: containers, names and ports go on, and nothing is changed until `shoal swarm unlock` gives it the key');
    return true;
  }

  async #unlockWith(lock: string): Promise<void> {
    const identity = this.#locked;
    if (!identity) return;
    if (this.#safety === undefined) await this.#return(identity, lock);
    else await this.#enterSafely(identity, this.#safety, lock);
    this.#locked = undefined;
    // Whoever unlocked it finds it taking part; where others are missing, he need not wait for them.
    await this.#member?.served(unlockedLimitMs);
  }

  /** The cluster's state for reading and mending, if it can be had at all; nothing that looks after anything. */
  async #enterSafely(identity: Identity | undefined, why: string, lock?: string): Promise<void> {
    this.#logger.warn({ state: this.#options.state }, why);
    if (!identity) return;
    try {
      if (lock === undefined && (await this.#staysLocked(identity))) return;
      const member = this.#newMember(identity, false, lock);
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

  status(): SwarmStatus {
    return swarmStatus({ member: this.#member, safety: this.#safety, locked: this.#locked !== undefined, broken: this.#broken, joining: this.#joining });
  }

  init(request: InitRequest): Promise<string> {
    return this.#exclusively(async () => {
      this.#refuseInSafeMode();
      if (request.ForceNewCluster && this.#member) {
        await this.#member.standAlone();
        return this.#member.identity.nodeId;
      }
      this.#refuseInside();
      const place = await placeOf(this.#placed(request));
      await this.#parts.fitness.check();
      const identity: Identity = { nodeId: newId(systemRandom), role: 'manager', ...place };
      const description = await describeEngine(this.#options, identity.nodeId);
      const { files, ...authority } = await newCluster(identity.nodeId, request.Spec?.CAConfig?.NodeCertExpiry);
      // Remains of a cluster that was left half-way, or of an init that did not end.
      forgetCluster(this.#options.state);
      const unlockKey = locksManagers(request) ? unlockKeyText(systemRandom.bytes(unlockKeyBytes)) : undefined;
      const member = this.#newMember(identity, true, unlockKey);
      await this.#enterWhole(member, true, async () => {
        // Whoever leads must be able to show who he is.
        member.take(files);
        await member.startSeat();
        const asked = initOptions(request, identity, description, addressPools(instanceOf(this.#options.state)));
        const founded = { ...asked, authority, managerAddress: place.managerAddress };
        await member.manager?.seat.submit(initCluster({ ...founded, ...(unlockKey !== undefined && { unlockKey }) }));
        writeIdentity(this.#options.state, identity);
      });
      this.#logger.info({ node: identity.nodeId, address: place.address }, 'made a cluster: this node is its first manager');
      // Whoever asked shall find the node ready. What keeps it from that does not undo the cluster.
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
      const { place, ...heard } = await joiningPlaceOf(this.#placed(request), remotes);
      const { JoinToken: token = '', Availability: availability = 'active' } = request;
      const own = { fit: this.#parts.fitness.check(), describe: () => describeEngine(this.#options, '') };
      const options = { ...own, remotes, token, availability, replaces, unheard: '', ...heard, advertised: place.managerAddress };
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
  async #enterAs(identity: Identity, files: NodeCertificate, lock: string | undefined): Promise<void> {
    this.#locked = undefined;
    const member = this.#newMember(identity, false, lock);
    await this.#enterWhole(member, false, async () => {
      member.take(files);
      await member.startSeat();
      writeIdentity(this.#options.state, identity);
    });
  }

  async #enterJoined(attempt: JoinAttempt<JoinedNode>, { files, entering, ...joined }: JoinedNode, place: Place): Promise<void> {
    if (this.#joining !== attempt) return;
    try {
      const identity: Identity = { ...joined, ...place, ...(joined.role === 'manager' && { begins: true }) };
      forgetCluster(this.#options.state);
      const member = this.#newMember(identity, false, undefined, entering);
      await this.#enterWhole(member, true, async () => {
        member.take(files);
        writeIdentity(this.#options.state, identity);
        this.#joining = undefined;
        await member.startSeat();
      });
      this.#logger.info({ node: identity.nodeId, role: identity.role }, 'joined a cluster: its managers give this node its tasks from now on');
      // Whoever asked hears of it when the managers see the node.
      await member.served();
      attempt.done();
    } catch (error) {
      this.#joinFailed(attempt, error);
    }
  }

  #joinFailed(attempt: JoinAttempt<JoinedNode>, error: unknown): void {
    if (this.#joining === attempt) this.#joining = undefined;
    this.#logger.warn({ error: (error as Error).message }, 'this node did not join the cluster and runs nothing of it: mend what is said, and join again');
    attempt.failed(error);
  }

  leave(): Promise<void> {
    return this.#exclusively(async () => {
      this.#refuseInSafeMode();
      this.#joining?.abandon();
      if (this.#joining) return void (this.#joining = undefined);
      if (this.#locked) return await this.#abandon(this.#locked);
      const member = this.inside();
      await member.giveUpSeat(this.#options.socket);
      this.#door.use(undefined);
      await member.leave();
      this.#member = undefined;
      forgetCluster(this.#options.state);
      await this.#parts.kept.forget();
      this.#logger.info({ node: member.identity.nodeId }, 'left the cluster: its tasks on this node are ended, and the daemon waits for another one');
    });
  }

  /** Without what it knows: its containers are known by its name. */
  async #abandon(identity: Identity): Promise<void> {
    const member = this.#newMember({ ...identity, role: 'worker' }, false);
    await member.startWork();
    await member.leave();
    this.#locked = undefined;
    this.#door.use(undefined);
    forgetCluster(this.#options.state);
    await this.#parts.kept.forget();
    this.#logger.info({ node: identity.nodeId }, 'left the cluster without unlocking what was held of it');
  }

  /** Containers run on: what comes next may know them. */
  async #giveUp(): Promise<void> {
    this.#joining?.abandon();
    this.#joining = undefined;
    this.#locked = undefined;
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
    if (this.#member || this.#joining || this.#locked || this.#entering) throw new Refusal('unavailable', swarmTexts.alreadyPart);
  }

  #newMember(identity: Identity, founds: boolean, lock?: string, entering?: JoinedNode['entering']): Membership {
    return new Membership(identity, this.#options, {
      clock: systemClock,
      meter: this.#parts.api().meter,
      logger: this.#logger,
      founds,
      entering,
      lock: new NodeLock(lock),
      safe: this.#safety !== undefined,
      onFatal: (error) => (this.#safety === undefined ? this.#parts.onFatal(error) : this.#breakDown(error)),
      onReconcile: (event) => this.#parts.onReconcile(event),
      connected: (connection) => this.#parts.api().connected(connection),
      asked: (connection) => this.#parts.api().asked(connection),
      onSeat: (manager) => this.#door.use(manager?.seat),
      release: this.#parts.release,
    });
  }

  /** The steps into a cluster, and the work in it. Where one fails nothing of them stays, neither files nor what listens: whoever asked may ask again. */
  async #enterWhole(member: Membership, isNew: boolean, steps: () => Promise<void>): Promise<void> {
    this.#entering = true;
    try {
      await steps();
      await this.#enter(member, isNew);
    } catch (error) {
      // It may vote by now: the others would count on a seat that has no log any more.
      this.#door.use(member.manager?.seat);
      await member.giveUpSeat(this.#options.socket);
      this.#door.use(undefined);
      this.#member = undefined;
      await member.undo().catch((failure: unknown) => this.#logger.warn({ err: failure }, 'what a failed entry had begun did not end in order'));
      forgetCluster(this.#options.state);
      throw error;
    } finally {
      this.#entering = false;
    }
  }

  async #enter(member: Membership, entering = false): Promise<void> {
    this.#member = member;
    this.#door.use(member.manager?.seat);
    await member.startWork(entering);
  }

  /** Refuses outside a cluster. */
  inside(): Membership {
    if (!this.#member) throw new Refusal('unavailable', this.#locked ? swarmTexts.locked : swarmTexts.notPart);
    return this.#member;
  }

  /** Refuses where this node is no manager. */
  managing(): ManagerPart {
    const { manager } = this.inside();
    if (!manager) throw new Refusal('unavailable', swarmTexts.worker);
    return manager;
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

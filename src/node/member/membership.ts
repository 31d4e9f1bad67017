/** A node's life in a cluster: its certificate, its agent with engine and network, its line to the managers; and while it is a manager, what makes it one. */
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Agent, Place } from '#agent/agent';
import { pause } from '#base/clock';
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { greetingOf } from '#ca/greeting';
import { roleStep } from '#ca/role-step';
import { keepOneManager } from '#control/nodes';
import { certificates } from '#identity/certificates';
import type { NodeCertificate } from '#identity/certificate-files';
import type { Trust } from '#model/object/assignment';
import { swarmTexts } from '#model/swarm-texts';
import { makeAnew } from '#replica/group/make-anew';
import { askAnyToRenew } from '#rpc/ca-client';
import { clientCredentials } from '#rpc/credentials';
import { greetingAt } from '#rpc/greeter';
import { managersLine } from '#rpc/to-leader/managers-line';
import { giveUpSeat } from './ask-for-demotion.ts';
import type { Entering } from './entering.ts';
import { CertificateKeeper, type Certified, type Seat } from './certificate-keeper.ts';
import { ManagerPart, type ManagerPartParts } from './manager-part.ts';
import type { NodeLock } from './node-lock.ts';
import { NodeWork } from './node-work.ts';
import { RoleFollower } from './role/role-follower.ts';
import type { DaemonOptions } from '../options.ts';
import type { ReleaseKeeper } from '../release/release-keeper.ts';
import { OwnPlace } from '../place/own-place.ts';
import { forgetManager } from '../state/forget.ts';
import { listenPlace, managerPlace, type Identity } from '../state/identity.ts';
import { IdentityFile } from '../state/identity-file.ts';
import { instanceOf } from '../state/instance.ts';
import { ownRunFolder, socketIn } from '../state/run-folder.ts';
import { hostIsEnding } from '../host-state.ts';
import { systemRandom } from '../system.ts';

export interface MembershipParts extends Omit<ManagerPartParts, 'socket' | 'tls' | 'listen' | 'begins' | 'keeper'> {
  /** True when this node begins a cluster; one that was in a cluster before has a log, or must not go on. */
  founds: boolean;
  /** Of a node that has just joined. */
  entering?: Entering | undefined;
  /** What its files are sealed with. */
  lock: NodeLock;
  /** Given each connection over which the leader asks about this node's containers. */
  asked: (connection: Duplex) => void;
  /** Of the program that runs here. */
  release: Pick<ReleaseKeeper, 'run' | 'wanted' | 'watch'>;
  /** Told when this node has become a manager, or is none any more. */
  onSeat: (manager: ManagerPart | undefined) => void;
}

/** How often is looked whether a change of its own part has come to pass. */
const lookMs = 20;
/** How long a node that enters a cluster may take until it is served, before its network is brought up all the same. */
const networkLimitMs = 1000;
/** Before another root is followed once more. */
const retryMs = 1000;

export class Membership {
  readonly #options: DaemonOptions;
  readonly #parts: MembershipParts;
  readonly #keeper: CertificateKeeper;
  /** Of the manager on this host; absent in safe mode: nobody is served. */
  readonly #socket: string | undefined;
  /** Absent in safe mode. */
  readonly #work: NodeWork | undefined;
  readonly #place: OwnPlace;
  readonly #file: IdentityFile;
  readonly #roles: RoleFollower;
  #manager: ManagerPart | undefined;
  /** What the managers want of this node, as told last. */
  #wanted: Identity['role'];
  #follows: Promise<void> = Promise.resolve();
  #trusting = false;
  /** Whom the managers say to trust. */
  #trust: Trust | undefined;
  readonly #ended = new AbortController();

  constructor(identity: Identity, options: DaemonOptions, parts: MembershipParts) {
    const { clock, logger, safe, entering } = parts;
    const { nodeId, role = 'manager' } = identity;
    const instance = instanceOf(options.state);
    const runFolder = safe ? undefined : ownRunFolder(options.run, instance);
    this.#file = new IdentityFile(options.state, identity, { clock, logger });
    this.#options = options;
    this.#parts = parts;
    this.#roles = this.#newFollower();
    this.#socket = runFolder && join(runFolder, socketIn('dispatcher', instance));
    this.#keeper = new CertificateKeeper({
      state: options.state,
      nodeId,
      certificates,
      certify: (request, seat) => this.#certify(request, seat),
      lock: () => parts.lock.text,
      renewed: () => this.#certified(),
      clock,
      random: systemRandom,
      logger: logger.child({ part: 'certificate' }),
    });
    const identityNow = { identity: () => this.identity, remotes: () => this.#othersKnown(), changed: (next: Identity) => this.#moved(next) };
    this.#place = new OwnPlace({ ...identityNow, clock, logger });
    if (role === 'manager') this.#manager = this.#newManager(parts.founds ? 'founds' : identity.begins ? 'joins' : 'returns');
    if (runFolder === undefined) return;
    const line = managersLine({
      local: () => this.#manager && this.#socket,
      addresses: () => this.#othersKnown(),
      leader: entering?.leader,
      tls: () => this.#keeper.tls,
      connected: parts.asked,
      random: systemRandom,
    });
    // No root of the managers vouches for this node any more: its key still does.
    const refused = (error: unknown): never => {
      if (error instanceof Refusal && error.code === 'unauthenticated') this.#keeper.refused();
      throw error;
    };
    const openSession: typeof line = (...asked) => line(...asked).then((session) => this.#place.whileHere(session), refused);
    const managerAddress = () => (this.#manager && this.identity.own !== undefined ? managerPlace(this.identity) : undefined);
    const said = { tlsInfo: () => this.#keeper.tlsInfo(), role: () => this.#keeper.role, managerAddress };
    const own = { ...said, described: entering?.described, release: parts.release };
    const work = { clock, meter: parts.meter, logger, openSession, ...own, placed: (place: Place) => this.#placed(place), runFolder, instance };
    this.#work = new NodeWork(identity, options, work);
  }

  get identity(): Identity {
    return this.#file.now;
  }

  /** Undefined on a worker. */
  get manager(): ManagerPart | undefined {
    return this.#manager;
  }

  /** The certificate that came with joining or founding. */
  take(files: NodeCertificate): void {
    this.#keeper.take(files);
  }

  /** The manager alone: what `swarm init` needs before the node is in its own cluster. */
  async startSeat(): Promise<void> {
    this.#keeper.loadKnown();
    await this.#manager?.seat.start();
    if (this.identity.begins) this.#file.remember({ begins: false });
  }

  /** All that needs the node to be in the cluster. `entering`: it is new there, and its network may come up after this has resolved. */
  async startWork(entering = false): Promise<void> {
    if (!this.#work) return;
    await this.#keeper.obtain();
    await this.#manager?.open(this.#keeper.tls);
    // What a change of roles that did not end has left.
    if (!this.#manager) forgetManager(this.#options.state);
    this.#wanted = this.#keeper.role;
    this.#roles.follow();
    this.#place.start();
    if (!entering) return await this.#work.start();
    // What waits for the network are tasks; that the node is in waits for none of it.
    this.#work.start(this.served(networkLimitMs)).catch((error: unknown) => (this.#ended.signal.aborted ? undefined : this.#parts.onFatal(error)));
  }

  /** Containers run on, published ports stay; where there are other managers, they wait for this node for a while. */
  async stop(): Promise<void> {
    await this.#end(async () => {
      const alone = this.#manager && (this.#manager.seat.standing()?.members.length ?? 0) <= 1;
      if (!alone && !(await hostIsEnding())) await this.#work?.agent.announcePause();
      await this.#work?.stop();
    });
  }

  /** Ends what was begun of an entry that failed: no manager waits for this node, and it waits for none. */
  async undo(): Promise<void> {
    await this.#end(() => this.#work?.stop());
  }

  /** Has the other managers take this one's seat, as far as they can, before it leaves. `api`: path of this node's own socket. */
  async giveUpSeat(api: string): Promise<void> {
    await giveUpSeat({ api, nodeId: this.identity.nodeId, seat: () => this.#manager?.seat }, this.#parts);
  }

  /** Makes the cluster anew from what this manager holds, with it as the only one. */
  async standAlone(): Promise<void> {
    const { clock, onSeat, logger } = this.#parts;
    const before = this.#manager;
    if (!before) throw new Refusal('unavailable', swarmTexts.worker);
    onSeat(undefined);
    await before.close();
    await before.seat.stop();
    // Where that cannot be, the manager goes on as it was.
    const failure = await makeAnew({ folder: join(this.#options.state, 'raft'), clock, node: this.identity.nodeId, lock: this.#parts.lock.bytes }).catch(
      (error: unknown) => error as Error,
    );
    const manager = this.#newManager('returns');
    await manager.seat.start();
    this.#manager = manager;
    if (failure) {
      await manager.open(this.#keeper.tls);
      onSeat(manager);
      throw failure;
    }
    while (!manager.seat.leads()) await pause(clock, lookMs);
    await manager.seat.submit(keepOneManager(this.identity.nodeId));
    // A cluster that was off for longer than its certificates live is begun again so.
    await this.#keeper.obtain();
    await manager.open(this.#keeper.tls);
    onSeat(manager);
    logger.warn({}, 'the cluster was made anew with this node as its only manager: the others are workers to it, and become that when they come back');
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    await this.#end(() => this.#work?.leave());
  }

  /** Runs the tasks of this node; refuses in safe mode. */
  get agent(): Agent {
    return this.work.agent;
  }

  /** Refuses in safe mode. */
  get work(): NodeWork {
    if (!this.#work) throw new Refusal('unavailable', 'in safe mode this node runs no agent: restart the daemon when what does harm is gone');
    return this.#work;
  }

  /** What keeps a node from its cluster, in words for its operator. */
  get problem(): string | undefined {
    const { problem } = this.#keeper;
    return this.#work && (problem && this.#manager ? `${problem} ${swarmTexts.managersSlept}` : (problem ?? this.#work.agent.refused));
  }

  /** Resolves when the managers serve this node, and it takes part if it is one; or after `limitMs`. */
  async served(limitMs = Infinity): Promise<void> {
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => (cancel = limitMs === Infinity ? cancel : this.#parts.clock.after(limitMs, resolve)));
    await Promise.race([this.#connected(), late]);
    cancel();
  }

  async #connected(): Promise<void> {
    await this.#work?.agent.connected;
    await this.#manager?.ready(this.#ended.signal);
  }

  /** What the parts of this node's network count and cannot serve. */
  async networkFigures(): Promise<Awaited<ReturnType<NodeWork['figures']>>> {
    return (await this.#work?.figures()) ?? [];
  }

  /** The other nodes on one of this node's networks; none in safe mode. */
  neighbours(networkId: string): ReturnType<Agent['neighbours']> {
    return this.#work?.agent.neighbours(networkId) ?? [];
  }

  /** What is counted of services on this node, by name. */
  async serviceCounts(): ReturnType<NodeWork['serviceCounts']> {
    return (await this.#work?.serviceCounts()) ?? {};
  }

  #newManager(begins: ManagerPartParts['begins']): ManagerPart {
    const socket = this.#socket === undefined ? {} : { socket: this.#socket };
    const now = { tls: () => this.#keeper.tls, listen: () => listenPlace(this.identity) };
    return new ManagerPart(this.identity, this.#options, { ...this.#parts, ...socket, begins, keeper: this.#keeper, ...now });
  }

  /** The host has another address, or is seen to have the one that it said. */
  #moved(next: Identity): void {
    const { address } = this.identity;
    this.#file.note(next);
    if (next.address === address) return;
    this.#manager?.movedTo(managerPlace(next));
    this.#work?.movedTo(next);
  }

  #certified(): void {
    this.#work?.certified();
    const { tls } = this.#keeper;
    if (tls) this.#manager?.certified(tls).catch(this.#parts.onFatal);
  }

  /** The managers say where they are, and what this node is to be. */
  #placed({ role, managers, managerIds, trust, release }: Place): void {
    if (this.#ended.signal.aborted) return;
    this.#parts.release.wanted(release);
    const { managers: known, managerIds: knownIds = [] } = this.identity;
    if (managers && managers.length > 0 && !(equal(managers, known) && equal(managerIds, knownIds))) this.#file.note({ managers, managerIds });
    this.#trust = trust;
    if (trust && !this.#trusting) {
      this.#trusting = true;
      this.#follows = this.#followTrust();
    }
    if (role === undefined || role === this.#wanted) return;
    this.#wanted = role;
    this.#roles.follow();
  }

  /** Another root is on its way in, or has come: what is told meanwhile is followed next. */
  async #followTrust(): Promise<void> {
    const { clock, logger } = this.#parts;
    const differs = () => this.#trust && this.#keeper.tls && this.#keeper.trusts(this.#trust) !== 'yes';
    for (let trust = this.#trust; trust && differs() && !this.#ended.signal.aborted; trust = this.#trust) {
      try {
        if (this.#keeper.trusts(trust) === 'otherRoots') this.#keeper.trust(trust.Roots);
        else await this.#keeper.renew();
        await this.#work?.agent.describeAgain();
      } catch (error) {
        logger.warn(
          { error: (error as Error).message },
          'the root of certificates changes and this node has not followed yet: it goes on with what it trusts, and tries again every second',
        );
        await new Promise<void>((resolve) => clock.after(retryMs, resolve));
        continue;
      }
      // Who signed it knew of another root than who told of this one: one of the two has not heard yet.
      if (this.#trust === trust && differs()) await new Promise<void>((resolve) => clock.after(retryMs, resolve));
    }
    this.#trusting = false;
  }

  /** Makes certificate and parts what the managers want; in safe mode nothing. */
  #newFollower(): RoleFollower {
    const { clock, logger, safe, onFatal } = this.#parts;
    const next = () => (safe ? undefined : roleStep({ wanted: this.#wanted, certified: this.#keeper.role, has: this.#manager ? 'manager' : 'worker' }));
    const steps = { renew: () => this.#renew(), promote: () => this.#promote(), demote: () => this.#demote() };
    return new RoleFollower({ next, steps, ended: this.#ended.signal, onFatal, clock, logger });
  }

  /** Whom a manager joins is kept before it begins: a crash in between must not forget it. */
  async #renew(): Promise<void> {
    const issued = await this.#keeper.renew(this.#wanted === 'manager' && !this.#manager ? 'wanted' : 'unwanted');
    if (issued) this.#file.remember({ incarnation: issued.incarnation || 1 });
  }

  /** The agent, and what it runs, notices nothing. */
  async #promote(): Promise<void> {
    forgetManager(this.#options.state);
    this.#file.remember({ role: 'manager', begins: true });
    const manager = this.#newManager('joins');
    await manager.seat.start();
    await this.#file.rememberOnceThereIsRoom({ begins: false }, this.#ended.signal);
    this.#manager = manager;
    await manager.open(this.#keeper.tls);
    this.#parts.onSeat(manager);
    this.#parts.logger.info({}, 'this node is a manager from now on');
  }

  async #demote(): Promise<void> {
    const manager = this.#manager;
    this.#parts.onSeat(undefined);
    await manager?.close();
    await manager?.seat.stop();
    this.#manager = undefined;
    const votedUntil = manager?.seat.standing()?.term ?? 0;
    await this.#file.rememberOnceThereIsRoom({ role: 'worker', begins: false, votedUntil }, this.#ended.signal);
    this.#parts.lock.drop(this.#keeper);
    // Secrets of others among it: a worker holds those of its own tasks and nothing else.
    forgetManager(this.#options.state);
    this.#parts.logger.info({}, 'this node is a worker from now on: what only a manager holds is removed from it');
  }

  #othersKnown(): readonly string[] {
    const own = this.#manager && managerPlace(this.identity);
    return [...new Set([...(this.#options.managers ?? []), ...(this.identity.managers ?? [])])].filter((address) => address !== own);
  }

  async #end(endWork: () => Promise<void> | undefined): Promise<void> {
    this.#ended.abort();
    this.#keeper.stop();
    await this.#place.stop();
    this.#file.stop();
    await this.#roles.settled;
    await this.#follows;
    await endWork();
    await this.#manager?.close();
    await this.#manager?.seat.stop();
  }

  /** By this node's own leader, or by any manager that it knows. */
  async #certify(request: string, seat: Seat): Promise<Certified> {
    const asked = { request, managerAddress: managerPlace(this.identity), seat };
    const tls = this.#keeper.proof;
    if (this.#manager?.seat.leads()) return this.#manager.authority.certify(this.identity.nodeId, asked, tls && certificates.keyDigest(tls.now.certificate));
    if (!tls) throw new Refusal('unavailable', 'without a certificate no other manager can be asked for one');
    const ask = () => askAnyToRenew(this.#othersKnown(), clientCredentials(tls), asked);
    // They look where it would be a manager before they give it a seat.
    return await (seat === 'wanted' ? greetingAt(listenPlace(this.identity), greetingOf(request), ask) : ask());
  }
}

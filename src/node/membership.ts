/** A node's life in a cluster: its agent with engine and network, its line to a manager, and while it is one its seat among the managers. */
import { join } from 'node:path';
import type { Agent } from '#agent/agent';
import { seededRandom } from '#base/random';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { GitOps } from '#gitops/gitops';
import { certificates } from '#identity/certificates';
import { CertificateAuthority } from '#manager/certificate-authority';
import { CertificateKeeper } from './certificate-keeper.ts';
import { gitOpsOptions } from './git-ops-options.ts';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { swarmTexts } from '#model/swarm-texts';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { ReplicatedState } from '#replica/state';
import type { Identity } from './state/identity.ts';
import { NodeWork } from './node-work.ts';
import type { DaemonOptions } from './options.ts';
import { systemRandom } from './system.ts';

type ReconcileListener = Parameters<GitOps['events']['watch']>[0];

export interface MembershipParts {
  /** True when this node begins a cluster; one that was in a cluster before has a log, or must not go on. */
  founds: boolean;
  /** Requests are answered, and nothing is done about them. */
  safe: boolean;
  clock: Clock;
  logger: Logger;
  /** The process must end and start again from the disk. */
  onFatal: (error: unknown) => void;
  onReconcile: ReconcileListener;
}

export class Membership {
  readonly state = new ReplicatedState();
  readonly log: Replica;
  readonly seat: ManagerSeat;
  #gitops: GitOps | undefined;
  #authority: CertificateAuthority | undefined;
  readonly #keeper: CertificateKeeper;
  /** Absent in safe mode. */
  readonly #work: NodeWork | undefined;

  constructor(
    readonly identity: Identity,
    options: DaemonOptions,
    { clock, logger, founds, safe, onFatal, onReconcile }: MembershipParts,
  ) {
    const random = systemRandom;
    const folder = join(options.state, 'raft');
    this.log = new Replica(
      { nodeId: identity.nodeId, snapshotEntries: options.snapshotEntries },
      {
        clock,
        random: seededRandom(random.next() * 2 ** 48),
        logger: logger.child({ part: 'raft', folder }),
        stateMachine: this.state,
        openStorage: openDisk({ folder, clock, node: identity.nodeId, founds, logger: logger.child({ part: 'disk' }) }),
        onFatal,
      },
    );
    this.seat = new ManagerSeat(
      { onlyRequests: safe },
      {
        log: this.log,
        state: this.state,
        stages: safe ? [] : stages,
        clock,
        random,
        logger: logger.child({ part: 'manager' }),
        onFatal,
        duties: (cluster) => {
          if (safe) return [];
          this.#gitops = new GitOps(gitOpsOptions(options), { cluster, clock, logger: logger.child({ part: 'gitops' }) });
          this.#gitops.events.watch(onReconcile);
          this.#authority = new CertificateAuthority({ cluster, certificates, clock, random, logger: logger.child({ part: 'ca' }) });
          return [this.#authority, this.#gitops];
        },
      },
    );
    this.#keeper = new CertificateKeeper({
      state: options.state,
      nodeId: identity.nodeId,
      certificates,
      certify: (request) => this.authority.certify(identity.nodeId, request),
      clock,
      random,
      logger: logger.child({ part: 'certificate' }),
    });
    const tlsInfo = () => this.#keeper.tlsInfo();
    this.#work = safe ? undefined : new NodeWork(identity, options, { clock, logger, openSession: this.seat.openSession, tlsInfo });
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

  /** The manager alone: what `swarm init` needs before the node is in its own cluster. */
  async startSeat(): Promise<void> {
    await this.seat.start();
  }

  /** All that needs the node to be in the cluster. */
  async startWork(): Promise<void> {
    if (!this.#work) return;
    await this.#keeper.obtain();
    await this.#work.start();
  }

  /** Containers run on, published ports stay. */
  async stop(): Promise<void> {
    this.#keeper.stop();
    await this.#work?.stop();
    await this.seat.stop();
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    this.#keeper.stop();
    await this.#work?.leave();
    await this.seat.stop();
  }

  /** Runs the tasks of this node; refuses in safe mode. */
  get agent(): Agent {
    if (!this.#work) throw new Refusal('unavailable', 'in safe mode this node runs no agent: restart the daemon when what does harm is gone');
    return this.#work.agent;
  }

  /** What the parts of this node's network count and cannot serve. */
  async networkFigures(): Promise<Awaited<ReturnType<NodeWork['figures']>>> {
    return (await this.#work?.figures()) ?? [];
  }
}

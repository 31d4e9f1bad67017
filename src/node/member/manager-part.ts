/** A node as a manager: its seat with log and state, and the door that nodes come to. */
import { join } from 'node:path';
import { seededRandom } from '#base/random';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { GitOps } from '#gitops/gitops';
import { certificates } from '#identity/certificates';
import { CertificateAuthority } from '#manager/certificate-authority';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { hostPort, managerPort, roleOf } from '#model/manager-address';
import { swarmTexts } from '#model/swarm-texts';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { ReplicatedState } from '#replica/state';
import type { LiveTls } from '#rpc/credentials';
import { clusterOf } from '#store/view';
import { gitOpsOptions } from '../git-ops-options.ts';
import { ManagerDoor } from './manager-door.ts';
import type { Identity } from '../state/identity.ts';
import type { DaemonOptions } from '../options.ts';
import { systemRandom } from '../system.ts';

type ReconcileListener = Parameters<GitOps['events']['watch']>[0];

export interface ManagerPartParts {
  /** True when this node begins a cluster; one that was in a cluster before has a log, or must not go on. */
  founds: boolean;
  /** Requests are answered, and nothing is done about them. */
  safe: boolean;
  /** Path of the socket for the agent of this host; absent in safe mode: no node is served. */
  socket?: string;
  clock: Clock;
  logger: Logger;
  /** The process must end and start again from the disk. */
  onFatal: (error: unknown) => void;
  onReconcile: ReconcileListener;
}

/** On every address of the host. */
const usualListen = hostPort('0.0.0.0', managerPort);

export class ManagerPart {
  readonly state = new ReplicatedState();
  readonly log: Replica;
  readonly seat: ManagerSeat;
  #gitops: GitOps | undefined;
  #authority: CertificateAuthority | undefined;
  readonly #door: ManagerDoor | undefined;

  constructor(identity: Identity, options: DaemonOptions, { clock, logger, founds, safe, socket, onFatal, onReconcile }: ManagerPartParts) {
    const random = systemRandom;
    const folder = join(options.state, 'raft');
    this.log = new Replica(
      { nodeId: identity.nodeId, snapshotEntries: options.snapshotEntries, ...options.beat },
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
    this.#door = socket === undefined ? undefined : this.#newDoor(identity, socket, { clock, logger });
  }

  #newDoor({ nodeId, listen = usualListen }: Identity, socket: string, { clock, logger }: { clock: Clock; logger: Logger }): ManagerDoor {
    return new ManagerDoor({
      nodeId,
      socket,
      listen,
      openSession: this.seat.openSession,
      members: {
        clusterId: () => clusterOf(this.state.store)?.ID,
        roleOf: (id) => {
          const node = this.state.store.get('node', id);
          return node && roleOf(node);
        },
      },
      issuer: () => this.authority,
      clock,
      logger: logger.child({ part: 'dispatcher' }),
    });
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

  /** Lets the nodes in: this host's agent, and the others once there is a certificate to show. */
  async open(tls: LiveTls | undefined): Promise<void> {
    await this.#door?.startLocal();
    if (tls) await this.#door?.listen(tls);
  }

  /** Nodes turn to other managers. */
  async close(): Promise<void> {
    await this.#door?.stop();
  }
}

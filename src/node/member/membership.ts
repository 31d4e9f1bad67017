/** A node's life in a cluster: its certificate, its agent with engine and network, its line to the managers, and while it is one what makes it a manager. */
import { join } from 'node:path';
import type { Agent } from '#agent/agent';
import { Refusal } from '#base/refusal';
import { certificates } from '#identity/certificates';
import type { NodeCertificate } from '#identity/certificate-files';
import { askToRenew } from '#rpc/ca-client';
import { clientCredentials } from '#rpc/credentials';
import { managersLine } from '#rpc/managers-line';
import { CertificateKeeper } from './certificate-keeper.ts';
import { ManagerPart, type ManagerPartParts } from './manager-part.ts';
import { NodeWork } from './node-work.ts';
import type { DaemonOptions } from '../options.ts';
import type { Identity } from '../state/identity.ts';
import { instanceOf } from '../state/instance.ts';
import { chooseRunFolder, ownFolder, socketIn } from '../state/run-folder.ts';
import { systemRandom } from '../system.ts';

export type MembershipParts = Omit<ManagerPartParts, 'socket'>;

export class Membership {
  /** Undefined on a worker. */
  readonly manager: ManagerPart | undefined;
  readonly #keeper: CertificateKeeper;
  /** Absent in safe mode. */
  readonly #work: NodeWork | undefined;

  constructor(
    readonly identity: Identity,
    options: DaemonOptions,
    parts: MembershipParts,
  ) {
    const { clock, logger, safe } = parts;
    const { nodeId, role = 'manager', managers = [] } = identity;
    const instance = instanceOf(options.state);
    const runFolder = safe ? undefined : ownRunFolder(options, instance);
    const local = runFolder !== undefined && role === 'manager' ? { local: join(runFolder, socketIn('dispatcher', instance)) } : {};
    this.manager = role === 'manager' ? new ManagerPart(identity, options, { ...parts, ...(local.local !== undefined && { socket: local.local }) }) : undefined;
    this.#keeper = new CertificateKeeper({
      state: options.state,
      nodeId,
      certificates,
      certify: (request) => this.#certify(request),
      clock,
      random: systemRandom,
      logger: logger.child({ part: 'certificate' }),
    });
    if (runFolder === undefined) return;
    const line = managersLine({ ...local, addresses: () => managers, tls: () => this.#keeper.tls, random: systemRandom });
    const work = { clock, logger, openSession: line, tlsInfo: () => this.#keeper.tlsInfo(), runFolder, instance };
    this.#work = new NodeWork(identity, options, work);
  }

  /** The certificate that came with joining. */
  take(files: NodeCertificate): void {
    this.#keeper.take(files);
  }

  /** The manager alone: what `swarm init` needs before the node is in its own cluster. */
  async startSeat(): Promise<void> {
    await this.manager?.seat.start();
  }

  /** All that needs the node to be in the cluster. */
  async startWork(): Promise<void> {
    if (!this.#work) return;
    await this.#keeper.obtain();
    await this.manager?.open(this.#keeper.tls);
    await this.#work.start();
  }

  /** Containers run on, published ports stay. */
  async stop(): Promise<void> {
    await this.#end(() => this.#work?.stop());
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    await this.#end(() => this.#work?.leave());
  }

  /** Runs the tasks of this node; refuses in safe mode. */
  get agent(): Agent {
    if (!this.#work) throw new Refusal('unavailable', 'in safe mode this node runs no agent: restart the daemon when what does harm is gone');
    return this.#work.agent;
  }

  /** What keeps a node from its cluster, in words for its operator. */
  get problem(): string | undefined {
    return this.manager ? undefined : (this.#keeper.problem ?? this.#work?.agent.refused);
  }

  /** Resolves when a manager serves this node. */
  async served(): Promise<void> {
    await this.#work?.agent.connected;
  }

  /** What the parts of this node's network count and cannot serve. */
  async networkFigures(): Promise<Awaited<ReturnType<NodeWork['figures']>>> {
    return (await this.#work?.figures()) ?? [];
  }

  async #end(endWork: () => Promise<void> | undefined): Promise<void> {
    this.#keeper.stop();
    await endWork();
    await this.manager?.close();
    await this.manager?.seat.stop();
  }

  /** By this node's own leader, or by any manager that it knows. */
  async #certify(request: string): Promise<{ certificate: string; roots: string }> {
    if (this.manager?.seat.leads()) return this.manager.authority.certify(this.identity.nodeId, request);
    const { tls } = this.#keeper;
    if (!tls) throw new Refusal('unavailable', 'without a certificate no other manager can be asked for one');
    let last: unknown = new Refusal('unavailable', 'this node knows no manager');
    for (const address of this.identity.managers ?? []) {
      try {
        return await askToRenew(address, clientCredentials(tls), request);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

function ownRunFolder(options: DaemonOptions, instance: string): string {
  const folder = chooseRunFolder(options.run, instance);
  ownFolder(folder);
  return folder;
}

/** The leader's certificate signing: a cluster gets its authority, nodes get their certificates. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { issuerOf, newAuthority, newRoot, trustedRoots } from '#ca/authority';
import { nodeTemplate, type NodeRole } from '#ca/certificate';
import type { Certificates } from '#ca/contract';
import type { Cluster } from '#control/cluster';
import { setAuthority } from '#control/clusters';
import { swarmTexts } from '#model/swarm-texts';
import type { Authority } from '#model/object/authority';
import { clusterOf, type View } from '#store/view';
import type { Duty } from './leader-duties.ts';

export interface AuthorityParts {
  cluster: Cluster;
  certificates: Certificates;
  clock: Clock;
  /** The operating system's: secrets come of it. */
  random: Random;
  logger: Logger;
}

/** PEM texts. */
export interface IssuedCertificate {
  certificate: string;
  roots: string;
}

export class CertificateAuthority implements Duty {
  readonly #parts: AuthorityParts;

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
  }

  /** A cluster of before there were certificates gets its authority. */
  async start(): Promise<void> {
    const { cluster, certificates, clock, random, logger } = this.#parts;
    const view = await cluster.read();
    // While one is made by `swarm init` there is none yet; it brings its authority along.
    if (!clusterOf(view) || clusterOf(view)?.Shoal?.Authority) return;
    const root = await newRoot(certificates, clock.now());
    await cluster.submit(setAuthority(newAuthority(root, (count) => random.bytes(count))));
    logger.info({}, 'the cluster has a certificate authority and join tokens from now on');
  }

  async stop(): Promise<void> {}

  /** Certifies the key of `request` for a member, in the role that the cluster wants of it. */
  async certify(nodeId: string, request: string): Promise<IssuedCertificate> {
    const view = await this.#parts.cluster.read();
    const node = view.get('node', nodeId);
    if (!node) throw new Refusal('permissionDenied', `node ${nodeId} was removed from swarm`);
    return this.#issue(view, nodeId, node.Shoal?.Role ?? node.Spec.Role, request);
  }

  async #issue(view: View, nodeId: string, role: NodeRole, request: string): Promise<IssuedCertificate> {
    const { certificates, clock } = this.#parts;
    const { authority, clusterId, expiryNs } = authorityIn(view);
    const template = nodeTemplate({ nodeId, role, clusterId }, clock.now(), expiryNs);
    return { certificate: await certificates.issue(request, template, issuerOf(authority)), roots: trustedRoots(authority) };
  }
}

function authorityIn(view: View): { authority: Authority; clusterId: string; expiryNs: number } {
  const cluster = clusterOf(view);
  const authority = cluster?.Shoal?.Authority;
  if (!cluster || !authority) throw new Refusal('unavailable', swarmTexts.starting);
  return { authority, clusterId: cluster.ID, expiryNs: cluster.Spec.CAConfig.NodeCertExpiry };
}

/** What a node makes that begins a cluster: its authority, and its own certificate, so that there is never a manager without one. */
import { newId } from '#base/ids';
import { Refusal } from '#base/refusal';
import { issuerOf, newAuthority, newRoot } from '#ca/authority';
import { trustedRoots } from '#model/trust/trust';
import { nodeTemplate } from '#ca/certificate';
import { defaultClusterSpec } from '#control/clusters';
import { certificates } from '#identity/certificates';
import type { NodeCertificate } from '#identity/certificate-files';
import type { Authority } from '#model/object/authority';
import { clusterOf } from '#store/view';
import type { ManagerPart } from '../member/manager-part.ts';
import { systemClock, systemRandom } from '../system.ts';

export interface Founded {
  clusterId: string;
  authority: Authority;
  /** The first manager's. */
  files: NodeCertificate;
}

/** @param expiryNs of the node's certificate; the cluster's default unless it is said */
export async function newCluster(nodeId: string, expiryNs = 0): Promise<Founded> {
  const clusterId = newId(systemRandom);
  const now = systemClock.now();
  const authority = newAuthority(await newRoot(certificates, now), (count) => systemRandom.bytes(count));
  const key = certificates.newKey();
  const template = nodeTemplate({ nodeId, role: 'manager', clusterId }, now, expiryNs || defaultClusterSpec.CAConfig.NodeCertExpiry);
  const certificate = await certificates.issue(await certificates.request(key), template, issuerOf(authority));
  return { clusterId, authority, files: { certificate, key, roots: trustedRoots(authority) } };
}

/** A manager that is the only one serves once it is started: then the cluster is there, or the log is not that of this node. Others may still bring it. */
export function refuseLostCluster(manager: ManagerPart | undefined, folder: string): void {
  if (!manager || !manager.seat.leads() || clusterOf(manager.state.store)) return;
  throw new Refusal(
    'failedPrecondition',
    `${folder} says that this node is in a cluster, but its log holds none: put back a copy of the folder, or move it away to begin anew`,
  );
}

/** What a restored cluster begins with on this node: the state with it as the only manager, and its certificate. */
import type { RestoreRequest, Restored } from '#api/dependencies';
import { newId } from '#base/ids';
import { issuerOf } from '#ca/authority';
import { trustedRoots } from '#model/trust/trust';
import { nodeTemplate } from '#ca/certificate';
import { Refusal } from '#base/refusal';
import { restoredNodes } from '#control/restored';
import { certificates } from '#identity/certificates';
import type { NodeCertificate } from '#identity/certificate-files';
import type { NodeDescription } from '#model/object/node';
import { readBackup, type Backup } from '#replica/backup/backup';
import type { Place } from '../place/address.ts';
import type { Identity } from '../state/identity.ts';
import { systemClock, systemRandom } from '../system.ts';
import { likeliestNode, tasksByNode } from './local-containers.ts';

export interface RestorePlan {
  identity: Identity;
  files: NodeCertificate;
  backup: Backup;
  report: Restored;
}

export interface RestoreParts {
  /** Path of the engine's socket. */
  engine: string;
  /** Node that this daemon was until now. */
  was: string | undefined;
  place: Place;
  description: NodeDescription;
}

/** Reads the whole file before anything is decided; changes nothing. */
export async function planRestore({ passphrase }: RestoreRequest, file: AsyncIterable<Uint8Array>, parts: RestoreParts): Promise<RestorePlan> {
  const { facts, image } = await readBackup(file, passphrase);
  const { node: nodes } = image.objects;
  const known = (id: string): boolean => nodes.some(({ ID }) => ID === id);
  const tasks = await tasksByNode(parts.engine);
  const found = likeliestNode(tasks, known) ?? (parts.was !== undefined && known(parts.was) ? parts.was : undefined);
  const nodeId = found ?? newId(systemRandom);
  const { listen, address, managerAddress } = parts.place;
  const node = restoredNodes(nodes, { nodeId, address, managerAddress, description: parts.description }, systemClock.now());
  const backup: Backup = { facts, image: { ...image, objects: { ...image.objects, node } } };
  const incarnation = facts.incarnation + 1;
  const nameOf = (id: string): string => nodes.find(({ ID }) => ID === id)?.Description?.Hostname ?? id;
  return {
    identity: { nodeId, address, role: 'manager', listen, managerAddress, incarnation },
    files: await certificateFor(nodeId, backup),
    backup,
    report: {
      NodeID: nodeId,
      Known: found !== undefined,
      TakenAt: facts.takenAt,
      Containers: tasks.get(nodeId) ?? 0,
      Nodes: node.filter(({ ID, Status }) => ID !== nodeId && Status.State !== 'down').map(({ ID }) => nameOf(ID)),
      Foreign: [...tasks.keys()].filter((id) => id !== nodeId).map(nameOf),
    },
  };
}

/** Signed here: nobody else could. */
async function certificateFor(nodeId: string, { image }: Backup): Promise<NodeCertificate> {
  const [cluster] = image.objects.cluster;
  const authority = cluster?.Shoal?.Authority;
  if (!cluster || !authority) throw new Refusal('failedPrecondition', 'the backup holds no cluster with an authority of its own');
  const issuer = issuerOf(authority);
  if (issuer.key === '')
    throw new Refusal('failedPrecondition', "an external CA has the key of this cluster's root, and the backup has not: no manager can be certified here");
  const key = certificates.newKey();
  const template = nodeTemplate({ nodeId, role: 'manager', clusterId: cluster.ID }, systemClock.now(), cluster.Spec.CAConfig.NodeCertExpiry);
  const certificate = await certificates.issue(await certificates.request(key), template, issuer);
  return { certificate, key, roots: trustedRoots(authority) };
}

/** The node that a key belongs to, for whoever shows it with a certificate that no root of the cluster vouches for. */
import { roleOf } from '#model/manager-address';
import type { KeyOwner } from '#rpc/authorization';
import { clusterOf, type View } from '#store/view';

export function nodeOfKey(view: View, digest: string): KeyOwner | undefined {
  for (const node of view.list('node')) {
    if (node.Shoal?.Key !== digest) continue;
    return {
      nodeId: node.ID,
      role: roleOf(node),
      clusterId: clusterOf(view)?.ID ?? '',
      certifiedUntil: node.Shoal.KeyUntil ?? 0,
      readmittedUntil: node.Shoal.ReadmitUntil ?? 0,
    };
  }
  return undefined;
}

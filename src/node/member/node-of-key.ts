/** The node that a key belongs to, for whoever shows it with a certificate that no root of the cluster vouches for. */
import { roleOf } from '#model/manager-address';
import type { KeyOwner } from '#rpc/authorization';
import { clusterOf, type View } from '#store/view';

export function nodeOfKey(view: View, digest: string): KeyOwner | undefined {
  for (const node of view.list('node')) {
    const { Key, KeyUntil, Shown, ReadmitUntil = 0 } = node.Shoal ?? {};
    if (Key !== digest && Shown?.Key !== digest) continue;
    const certifiedUntil = Key === digest ? KeyUntil : Shown?.Until;
    return { nodeId: node.ID, role: roleOf(node), clusterId: clusterOf(view)?.ID ?? '', certifiedUntil, readmittedUntil: ReadmitUntil };
  }
  return undefined;
}

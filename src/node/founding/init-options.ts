/** What `POST /swarm/init` asks for, as the cluster's own use case takes it. */
import type { InitRequest } from '#api/dependencies';
import type { initCluster } from '#control/clusters';
import type { NodeDescription } from '#model/object/node';
import type { Identity } from '../state/identity.ts';

/** What Docker's command line sends where nobody asked for a size; without a pool it is no wish. */
const unaskedSubnetSize = 24;

function subnetSize({ SubnetSize = 0, DefaultAddrPool = [] }: InitRequest): { subnetSize?: number } {
  const asked = SubnetSize !== 0 && (SubnetSize !== unaskedSubnetSize || DefaultAddrPool.length > 0);
  return asked ? { subnetSize: SubnetSize } : {};
}

export function initOptions(
  request: InitRequest,
  { nodeId, address }: Identity,
  description: NodeDescription,
  usualPools: readonly string[],
): Parameters<typeof initCluster>[0] {
  return {
    nodeId,
    address,
    description,
    ...(request.Availability && { availability: request.Availability }),
    spec: { ...request.Spec, EncryptionConfig: { AutoLockManagers: locksManagers(request) } },
    usualPools,
    ...(request.DefaultAddrPool && { defaultAddrPool: request.DefaultAddrPool }),
    ...subnetSize(request),
    ...(request.DataPathPort && { dataPathPort: request.DataPathPort }),
  };
}

export function locksManagers({ AutoLockManagers = false, Spec }: InitRequest): boolean {
  return AutoLockManagers || Spec?.EncryptionConfig?.AutoLockManagers === true;
}

/** What a node says of its part in a cluster. */
import type { RemoteManager, SwarmStatus } from '#api/dependencies';
import { swarmTexts } from '#model/swarm-texts';
import type { Identity } from './identity.ts';

export interface NodeStanding {
  member:
    | {
        readonly identity: Identity;
        readonly manager: { readonly log: { readonly full: Error | undefined } } | undefined;
        readonly problem: string | undefined;
      }
    | undefined;
  /** Why only the API runs. */
  safety: string | undefined;
  locked: boolean;
  /** Why not even the cluster's state can be read; empty where it can. */
  broken: string;
  joining: { readonly problem: string | undefined } | undefined;
}

export function swarmStatus({ member, safety, locked, broken, joining }: NodeStanding): SwarmStatus {
  const identity = member?.identity;
  const manager = member?.manager;
  const safe = safety === undefined ? {} : { SafeMode: safety };
  if (locked) return { LocalNodeState: 'locked', NodeID: '', NodeAddr: '', ControlAvailable: false, Error: swarmTexts.locked, ...safe };
  const inside = joining ? 'pending' : identity ? 'active' : 'inactive';
  return {
    LocalNodeState: broken !== '' ? 'error' : inside,
    NodeID: identity?.nodeId ?? '',
    NodeAddr: identity?.address ?? '',
    ControlAvailable: manager !== undefined,
    Error: broken || (manager?.log.full?.message ?? joining?.problem ?? member?.problem ?? ''),
    ...(identity && !manager && { RemoteManagers: remoteManagers(identity) }),
    ...safe,
  };
}

function remoteManagers({ managers = [], managerIds = [] }: Identity): readonly RemoteManager[] {
  return managers.map((Addr, index) => ({ NodeID: managerIds[index] ?? '', Addr }));
}

/** Who may call what: one table, looked at on every call. Only the certificate says who calls, never a field of a message. */
import { Refusal } from '#base/refusal';
import type { NodeIdentity, NodeRole } from '#ca/certificate';
import { messageBytes } from './limits.ts';

export interface Caller extends NodeIdentity {
  /** Where the connection comes from, without port; absent on this host's own socket. */
  address?: string;
}

/** What a manager knows of the cluster's nodes. */
export interface Members {
  /** Undefined until this manager has the cluster's state. */
  clusterId(): string | undefined;
  /** The role that a node has; undefined: it is no member, or not any more. */
  roleOf(nodeId: string): NodeRole | undefined;
  /** Whether what this manager holds is the newest there is: elsewhere a node that is not known may be one that is new. */
  current(): boolean;
  /** Whether it was removed while it may have a manager's certificate. */
  wasRemoved?(nodeId: string): boolean;
  /** The node whose newest certificate is for the key of this digest. */
  byKey?(digest: string): KeyOwner | undefined;
}

export interface KeyOwner extends NodeIdentity {
  /** Milliseconds since 1970: when its newest certificate ends, as it was noted when that was given; undefined: an earlier program noted the key alone. */
  certifiedUntil: number | undefined;
  /** Milliseconds since 1970: until then it may come with a certificate that has expired. */
  readmittedUntil: number;
}

interface Admission {
  roles: readonly NodeRole[];
  /** How large a message may be. */
  bytes: number;
  /** Its messages are many, and a node's own calls are counted and timed one by one. */
  many?: true;
  /** Also who proves that he has the key of a node's newest certificate. */
  byKey?: true;
  /** Managers agree among themselves who is one: here the state may be behind, and the certificate counts. */
  byCertificate?: true;
}

const nodes = (what: keyof typeof messageBytes): Admission => ({ roles: ['worker', 'manager'], bytes: messageBytes[what] });
const peers: Admission = { roles: ['manager'], bytes: messageBytes.manager, byCertificate: true };

/** Every method that is served; what is not here is refused. */
const table: Readonly<Record<string, Admission | 'anyone'>> = {
  '/shoal.v1.DispatcherService/Session': nodes('description'),
  '/shoal.v1.DispatcherService/Heartbeat': nodes('name'),
  '/shoal.v1.DispatcherService/Beats': { ...nodes('name'), many: true },
  '/shoal.v1.DispatcherService/UpdateTaskStatus': nodes('reports'),
  '/shoal.v1.DispatcherService/Reports': { ...nodes('shortReports'), many: true },
  '/shoal.v1.DispatcherService/UpdateDescription': nodes('description'),
  '/shoal.v1.DispatcherService/Pause': nodes('name'),
  '/shoal.v1.DispatcherService/Acknowledge': nodes('name'),
  '/shoal.v1.DispatcherService/Withdrawn': nodes('name'),
  '/shoal.v1.DispatcherService/ChangeAttachment': nodes('attachment'),
  '/shoal.v1.RaftService/Entries': peers,
  '/shoal.v1.RaftService/Pulse': peers,
  '/shoal.v1.RaftService/Snapshot': peers,
  '/shoal.v1.CaService/GetRoots': 'anyone',
  '/shoal.v1.CaService/Join': 'anyone',
  '/shoal.v1.CaService/Renew': { ...nodes('anyone'), byKey: true },
  '/shoal.v1.ForwardService/Connect': { roles: ['manager'], bytes: messageBytes.manager },
  '/shoal.v1.TunnelService/Open': { ...nodes('piece'), many: true },
};

/**
 * Who a key makes of a caller without a certificate that counts: nobody, but where a node asks for the next one. Of what he shows the key alone
 * says something: whoever has it can sign a certificate of any name and time himself.
 * @param digest of the key that he has shown to have
 */
export function callerByKey(method: string, digest: string, members: Members, now: number): Caller | undefined {
  const admission = Object.hasOwn(table, method) ? table[method] : undefined;
  if (admission === undefined || admission === 'anyone' || !admission.byKey) return undefined;
  const owner = members.byKey?.(digest);
  if (!owner) return undefined;
  const { certifiedUntil, readmittedUntil, ...caller } = owner;
  if ((certifiedUntil !== undefined && now < certifiedUntil) || now < readmittedUntil) return caller;
  const { nodeId } = owner;
  const why =
    certifiedUntil === undefined ? `until when the certificate of node ${nodeId} is good is not known` : `the certificate of node ${nodeId} has expired`;
  throw denied(`${why}: "shoal node readmit ${nodeId}" on a manager lets it have another one`);
}

/** How large a message of `method` may be, in bytes: it is read after the call was let pass. */
export function messageLimitOf(method: string): number {
  const admission = Object.hasOwn(table, method) ? table[method] : undefined;
  return admission === undefined || admission === 'anyone' ? messageBytes.anyone : admission.bytes;
}

/** Whether each node has so many of these calls and no more, for any node may make them; `many`: with many messages each. */
export function boundOf(method: string): 'one' | 'many' | undefined {
  const admission = Object.hasOwn(table, method) ? table[method] : undefined;
  if (admission === undefined || admission === 'anyone' || !admission.roles.includes('worker')) return undefined;
  return admission.many ? 'many' : 'one';
}

/** Whether a caller is a manager of the cluster as it is now, in a call that anybody may make. */
export function isManager(caller: Caller | undefined, members: Members): boolean {
  if (caller?.role !== 'manager' || caller.clusterId !== members.clusterId() || members.wasRemoved?.(caller.nodeId) === true) return false;
  return members.roleOf(caller.nodeId) === 'manager';
}

/** Lets the call pass or refuses it. @param caller undefined: without a certificate that a root of ours vouches for */
export function authorize(method: string, caller: Caller | undefined, members: Members): void {
  const admission = Object.hasOwn(table, method) ? table[method] : undefined;
  if (admission === undefined) throw denied(`nobody may call ${method}`);
  if (admission === 'anyone') return;
  if (!caller) throw new Refusal('unauthenticated', 'this needs the certificate of a node of the cluster');
  const { nodeId, role, clusterId } = caller;
  if (!admission.roles.includes(role)) throw denied(`a ${role} may not call ${method}`);
  const cluster = members.clusterId();
  if (cluster === undefined) {
    if (admission.byCertificate) return;
    throw new Refusal('unavailable', 'this manager does not have the state of the cluster yet');
  }
  if (clusterId !== cluster) throw denied(`node ${nodeId} is of another cluster`);
  if (members.wasRemoved?.(nodeId)) throw denied(`node ${nodeId} was removed from swarm`);
  const known = members.roleOf(nodeId);
  if (known === undefined) {
    if (admission.byCertificate) return;
    if (!members.current()) throw new Refusal('unavailable', `node ${nodeId} is not known to this manager yet`);
    throw denied(`node ${nodeId} was removed from swarm`);
  }
  // A certificate may be older than what was decided of its node.
  if (!admission.roles.includes(known)) throw denied(`node ${nodeId} is a ${known}, and a ${known} may not call ${method}`);
}

/**
 * Every method that the table has.
 * @internal
 */
export const authorizedMethods: readonly string[] = Object.keys(table);

function denied(text: string): Refusal {
  return new Refusal('permissionDenied', text);
}

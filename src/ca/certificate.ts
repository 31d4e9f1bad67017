/** What root and node certificates hold, and for how long they hold: SwarmKit's fields, so that its users' tools read them. */
import { nanosecondsPerMillisecond } from '#base/text/duration';
import type { NodeSpec } from '#model/object/node';

export type NodeRole = NodeSpec['Role'];

/** Whom a node certificate speaks for. */
export interface NodeIdentity {
  /** Common name. */
  nodeId: string;
  /** Organizational unit. */
  role: NodeRole;
  /** Organization. */
  clusterId: string;
}

/** Milliseconds since 1970. */
export interface Validity {
  notBefore: number;
  notAfter: number;
}

export interface Subject {
  commonName: string;
  organizationalUnit?: string;
  organization?: string;
}

/** All that a certificate says beside its keys. */
export interface Template {
  subject: Subject;
  /** DNS names that its owner answers to. */
  names: readonly string[];
  validity: Validity;
}

/** Every root's name, and one that every manager answers to before its certificate can be told from others. */
const rootName = 'swarm-ca';

const hourMs = 3_600_000;
const rootYears = 20;
/** Clocks may differ by as much. */
const backdateMs = hourMs;
const shortestMs = hourMs;
const units: Readonly<Record<NodeRole, string>> = { manager: 'swarm-manager', worker: 'swarm-worker' };

/** Names that managers alone answer to. */
export const managerNames: readonly string[] = [units.manager, rootName];

/** The name of a role: a certificate's unit, and a name that all nodes of the role answer to. */
export function unitOf(role: NodeRole): string {
  return units[role];
}

/** @param now milliseconds */
export function rootTemplate(now: number): Template {
  return { subject: { commonName: rootName }, names: [], validity: { notBefore: now - backdateMs, notAfter: now + rootYears * 365 * 24 * hourMs } };
}

/** When a certificate of a node ends that is given now. @param now milliseconds @param expiryNs the cluster's NodeCertExpiry; never below an hour */
export function certifiedUntil(now: number, expiryNs: number): number {
  return now + Math.max(expiryNs / nanosecondsPerMillisecond, shortestMs);
}

/** @param now milliseconds @param expiryNs see `certifiedUntil` */
export function nodeTemplate({ nodeId, role, clusterId }: NodeIdentity, now: number, expiryNs: number): Template {
  return {
    subject: { commonName: nodeId, organizationalUnit: unitOf(role), organization: clusterId },
    names: [unitOf(role), nodeId, ...(role === 'manager' ? [rootName] : [])],
    validity: { notBefore: now - backdateMs, notAfter: certifiedUntil(now, expiryNs) },
  };
}

/** Undefined when the subject is no node's. */
export function identityOf({ commonName, organizationalUnit, organization }: Subject): NodeIdentity | undefined {
  const role = (['manager', 'worker'] as const).find((each) => unitOf(each) === organizationalUnit);
  if (!role || !commonName || !organization) return undefined;
  return { nodeId: commonName, role, clusterId: organization };
}

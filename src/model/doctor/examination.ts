/** What a doctor of the network asks of nodes, what they answer, and what becomes of it. */
import { createHash } from 'node:crypto';
import type { ServiceEndpoint } from '../object/assignment.ts';

/** What was looked at, in the order in which it is told. */
export const doctorChecks = ['node', 'data path', 'mtu', 'managers', 'firewall', 'kernel', 'names', 'services'] as const;

export interface Finding {
  /** `error`: somebody does not reach somebody; `warning`: it may come to that. */
  level: 'error' | 'warning';
  check: (typeof doctorChecks)[number];
  /** What is wrong, in a sentence. */
  text: string;
  /** What to do about it. */
  advice: string;
}

/** A node that packets are sent to. */
export interface DoctorPeer {
  nodeId: string;
  name: string;
  /** Of its data path. */
  address: string;
}

/** The looks that are taken at a node, in this order; between the first three all nodes have to be ready with the one before. */
export type NetworkLook =
  | { what: 'listen' }
  /** To be answered as soon as the packets are out: what arrives is remembered for a while only. */
  | { what: 'send'; peers: readonly DoctorPeer[] }
  | { what: 'heard' }
  /** `managers`: HOST:PORT of each. */
  | { what: 'look'; managers: readonly string[] };

/** The first answer: from now on it notes who reaches it. */
export interface Listening {
  /** Empty where no interface has the address that others know, as behind a translation of addresses. */
  address: string;
  /** Bytes of the largest packet of its interface; what it sends to others may be as large. */
  mtu: number;
  port: number;
}

/** Bytes of the largest packets that came from one address: to the host, and past its firewall. 0: none. */
export interface Heard {
  address: string;
  arrived: number;
  accepted: number;
}

/** The last answer. */
export interface Look {
  findings: readonly Finding[];
  /** Service → what the node holds of it, by its digest. */
  services: Readonly<Record<string, string>>;
}

/** A node as it was examined, with what was found about it. */
export interface ExaminedNode {
  nodeId: string;
  name: string;
  /** Absent: it was not reached. */
  address?: string;
  mtu?: number;
  findings: readonly Finding[];
}

export interface Diagnosis {
  nodes: readonly ExaminedNode[];
  /** Ways between two nodes, each counted in both directions, that packets were sent over. */
  ways: number;
  /** Nodes that were not looked at: there are too many for one look, or nobody leads who could ask them. */
  leftOut: number;
  /** Nobody leads: a manager looked at itself, by what it knew of the others. */
  alone?: true;
}

/** The same text for the same tasks and addresses, whoever makes it. */
export function endpointDigest({ Name, VirtualIPs = [], Tasks }: Pick<ServiceEndpoint, 'Name' | 'VirtualIPs' | 'Tasks'>): string {
  const tasks = Tasks.filter(({ Ready }) => Ready).map(({ TaskID, NodeID, Networks }) => [
    TaskID,
    NodeID,
    Networks.map(({ NetworkID, Address }) => `${NetworkID} ${Address}`).toSorted(),
  ]);
  const virtual = VirtualIPs.map(({ NetworkID, Address }) => `${NetworkID} ${Address}`).toSorted();
  const text = JSON.stringify([Name, virtual, tasks.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

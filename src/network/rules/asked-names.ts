/** Names for a container that was made elsewhere: its engine goes on asking the servers that it was made with, and what goes to them is led to this node's own, which asks these in turn for what it does not know. */
import { isHostAddress } from '#model/ipv4';
import { elements, hooked, type RulePart } from './rule-parts.ts';

export interface AskedNames {
  /** Addresses that the engine asks in the container's place. */
  servers: readonly string[];
  /** This node's own address in one of the container's networks: names are answered there. */
  gateway: string;
}

const question = 'meta l4proto { tcp, udp } th dport 53';

/** The question leaves by another network than it was meant for, and gets that one's address. */
export function askedNameRules({ servers, gateway }: AskedNames): RulePart[] {
  return [
    elements('set', 'servers', 'ipv4_addr', ledServers(servers)),
    hooked('ask', 'nat', 'output', -112, [`ip daddr @servers ${question} dnat ip to ${gateway};`]),
    hooked('asked', 'nat', 'postrouting', 95, [`ip daddr ${gateway} ${question} ct status dnat masquerade;`]),
  ];
}

/** Those of IPv4 that a packet from the container can be meant for. */
export function ledServers(servers: readonly string[]): string[] {
  return [...new Set(servers)].filter((server) => isHostAddress(server) && !server.startsWith('127.'));
}

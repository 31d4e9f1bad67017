/** Where a container's questions for names are led, inside of it. */
import { isHostAddress } from '#model/ipv4';
import { elsewhereServer } from '#model/options/name-servers';
import { elements, hooked, type RulePart } from './rule-parts.ts';

/** Of a container that was made elsewhere: its engine goes on asking the servers that it was made with, and what goes to them is led to this node's own, which asks these in turn for what it does not know. */
export interface AskedNames {
  /** Addresses that the engine asks in the container's place. */
  servers: readonly string[];
  /** This node's own address in one of the container's networks: names are answered there. */
  gateway: string;
}

const question = 'meta l4proto { tcp, udp } th dport 53';

/** A question that leaves by another network than it was meant for gets that one's address. `elsewhere`: whom another host's server is for this container. */
export function askedNameRules(names: AskedNames | undefined, elsewhere: string | undefined): RulePart[] {
  const servers = names ? [elements('set', 'servers', 'ipv4_addr', ledServers(names.servers))] : [];
  const ways = [...(names ? [['@servers', names.gateway]] : []), ...(elsewhere === undefined ? [] : [[elsewhereServer, elsewhere]])];
  if (ways.length === 0) return [];
  return [
    ...servers,
    hooked(
      'ask',
      'nat',
      'output',
      -112,
      ways.map(([asked, led]) => `ip daddr ${asked} ${question} dnat ip to ${led};`),
    ),
    hooked(
      'asked',
      'nat',
      'postrouting',
      95,
      ways.map(([, led]) => `ip daddr ${led} ${question} ct status dnat masquerade;`),
    ),
  ];
}

/** Those of IPv4 that a packet from the container can be meant for. */
export function ledServers(servers: readonly string[]): string[] {
  return [...new Set(servers)].filter((server) => isHostAddress(server) && !server.startsWith('127.'));
}

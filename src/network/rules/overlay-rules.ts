/** The nftables text that keeps others than members out of the networks between hosts: their packets carry no proof of who sent them. */
import { probeNumber } from '#model/doctor/probe';
import { type Chain, elements, hooked } from './rule-parts.ts';
import { type RuleSet, tableName, wholeTables } from './rule-set.ts';

/** A table of its own: members change seldom. */
export function overlayTableName(instance: string): string {
  return `${tableName(instance)}_overlay`;
}

/** Our own bridges. Those of others have any name, as has the bridge by which a host itself may be reached. */
const containerSide = 'sh-*';

/** From behind a bridge by which nobody of this address is reached; the host's own way out may be a bridge too. */
const forged = 'meta iifkind "bridge" fib saddr . iif oif missing';

/** What belongs to encrypted networks, by the numbers that their packets carry. */
export interface Guarded {
  device: string;
  numbers: readonly number[];
}

export function overlayRules(table: string, members: readonly string[], port: number, guarded?: Guarded): RuleSet {
  const v4 = [
    elements('set', 'members', 'ipv4_addr', members),
    ...(guarded && guarded.numbers.length > 0 ? [plainGuard(guarded, port)] : []),
    hooked('input', 'filter', 'input', -10, [
      ...(guarded && guarded.numbers.length > 0 ? [`udp dport ${port} @th,96,24 { ${guarded.numbers.join(', ')} } iifname != "${guarded.device}" drop;`] : []),
      `iifname "${containerSide}" udp dport ${port} drop;`,
      `udp dport ${port} ${forged} drop;`,
      // A probe is of no network: any node may try the way.
      `udp dport ${port} ip saddr != @members @th,96,24 != ${probeNumber} drop;`,
    ]),
    // A container's packet would leave under its host's address, as one of a member. A bridge may have any name: who speaks counts.
    hooked('forward', 'filter', 'forward', -10, [
      `iifname "${containerSide}" ip daddr @members udp dport ${port} drop;`,
      `udp dport ${port} ip daddr @members ip saddr != @members drop;`,
      `udp dport ${port} ip daddr @members ${forged} drop;`,
    ]),
  ];
  return wholeTables(table, v4, [hooked('input', 'filter', 'input', -10, [`udp dport ${port} drop;`])]);
}

/** Nothing of an encrypted network leaves as it is, whatever becomes of its device. */
function plainGuard({ device, numbers }: Guarded, port: number): Chain {
  return hooked('plain', 'filter', 'output', -10, [`udp dport ${port} @th,96,24 { ${numbers.join(', ')} } oifname != "${device}" drop;`]);
}

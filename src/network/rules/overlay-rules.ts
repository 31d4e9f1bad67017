/** The nftables text that keeps others than members out of the networks between hosts: their packets carry no proof of who sent them. */
import { probeNumber } from '#model/doctor/probe';
import { elements, hooked } from './rule-parts.ts';
import { type RuleSet, tableName, wholeTables } from './rule-set.ts';

/** A table of its own: members change seldom. */
export function overlayTableName(instance: string): string {
  return `${tableName(instance)}_overlay`;
}

/** Names of interfaces behind which containers are. */
const containerSides = ['sh-*', 'docker*', 'br-*'];

export function overlayRules(table: string, members: readonly string[], port: number): RuleSet {
  const v4 = [
    elements('set', 'members', 'ipv4_addr', members),
    hooked('input', 'filter', 'input', -10, [
      ...containerSides.map((name) => `iifname "${name}" udp dport ${port} drop;`),
      // A probe is of no network: any node may try the way.
      `udp dport ${port} ip saddr != @members @th,96,24 != ${probeNumber} drop;`,
    ]),
    // A container's packet would leave under its host's address, as one of a member.
    hooked(
      'forward',
      'filter',
      'forward',
      -10,
      containerSides.map((name) => `iifname "${name}" ip daddr @members udp dport ${port} drop;`),
    ),
  ];
  return wholeTables(table, v4, [hooked('input', 'filter', 'input', -10, [`udp dport ${port} drop;`])]);
}

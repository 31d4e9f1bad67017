/** The nftables text that leads a network's containers, and nobody else, to the network's name server. */
import { compareTexts } from '#base/text/text';
import { elsewhereServer } from '#model/options/name-servers';
import { bridgeName } from '#model/object/network';
import type { BridgedNetwork } from '../contract.ts';
import { elements, hooked } from './rule-parts.ts';
import { type RuleSet, tableName, wholeTables } from './rule-set.ts';

/** The port that containers ask. Nothing of ours listens on it, so that it stays free for whoever publishes it or serves names himself. */
const namePort = 53;

/** Connection mark of what containers ask the name server; the accept rule in INPUT knows it too, for many a host drops there what it does not know. */
export const nameMark = '0x5053';

/** A table of its own: a change of published ports does not touch the way to the names. */
export function nameTableName(instance: string): string {
  return `${tableName(instance)}_names`;
}

/** The rules for the gateways of `networks`; those without a name server are closed. */
export function nameServerRules(table: string, networks: readonly BridgedNetwork[]): RuleSet {
  const all = networks.toSorted((a, b) => compareTexts(a.gateway, b.gateway));
  const served = all.filter((network) => network.nameServerPort !== undefined);
  const ports = [...new Set([namePort, ...served.map(({ nameServerPort = 0 }) => nameServerPort)])].toSorted((a, b) => a - b);
  const ways = served.flatMap(({ gateway, nameServerPort = 0 }) =>
    ['tcp', 'udp'].map((protocol) => `${gateway} . ${protocol} : ${gateway} . ${nameServerPort}`),
  );
  const led =
    served.length > 0
      ? [
          `ip daddr { ${served.map(({ gateway }) => gateway).join(', ')} } meta l4proto { tcp, udp } th dport ${namePort} ct mark set ${nameMark} dnat ip to ip daddr . meta l4proto map { ${ways.join(', ')} };`,
        ]
      : [];
  const v4 = [
    elements(
      'set',
      'gateways',
      'ipv4_addr',
      all.map(({ gateway }) => gateway),
    ),
    elements(
      'set',
      'own',
      'ifname . ipv4_addr',
      all.map(({ network, gateway }) => `"${bridgeName(network.ID)}" . ${gateway}`),
    ),
    // Names tell who lives in a network: only its own containers may ask, not other networks', the host's neighbours nor those behind them.
    hooked('foreign', 'filter', 'prerouting', -300, [
      `ip daddr @gateways meta l4proto { tcp, udp } th dport { ${ports.join(', ')} } iifname . ip daddr != @own drop;`,
    ]),
    // Before published ports, which may have 53 among them, and before the engine's.
    hooked('lead', 'nat', 'prerouting', -115, led),
    // A container that has not got its rules yet asks the next server at once, and no stranger.
    hooked('unled', 'filter', 'forward', -10, [`iifname "sh-*" ip daddr ${elsewhereServer} reject;`]),
  ];
  return wholeTables(table, v4, []);
}

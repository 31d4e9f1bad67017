/** What one container gets: services' addresses lead to their tasks there already, so that a task sees who called, and its answers to clients go by the node that these came to. */
import { oncePer } from '#base/pace/once-per';
import { elsewhereServer } from '#model/options/name-servers';
import { askedNameRules, type AskedNames } from './asked-names.ts';
import { containerCountParts, containerCountTable } from './count-rules.ts';
import { type Chain, chain, changedLines, elements, filledLines, hooked, type RulePart } from './rule-parts.ts';
import { refusalChain, type RuleSet, wholeTables } from './rule-set.ts';
import type { ServerElsewhere } from '../servers-elsewhere.ts';
import { virtualChain, virtualTarget, type VirtualService } from '../virtual-services.ts';
import { wayBackRoutes, wayBackRules, type WayBack } from './way-back.ts';

/** Of a container's own network namespace: so its own address is what the task sees. The engine keeps its own tables there. */
export const containerTable = 'shoal_vip';

export interface ContainerRules extends RuleSet {
  /** Lines for `ip -batch`. */
  routes: readonly string[];
  /** What counts, in a table of its own, which goes on counting when all else is written anew. */
  counts: readonly RulePart[];
}

const serviceChain = oncePer((service: VirtualService): Chain => chain(virtualChain(service), `${virtualTarget(service)};`));

/** What a container needs beside its networks' services. */
export interface ContainerWays {
  /** Absent: it is not published. */
  back?: WayBack | undefined;
  /** Absent: its engine asks our servers for it. */
  names?: AskedNames | undefined;
  /** Absent: it is on no network that has names. */
  elsewhere?: ServerElsewhere | undefined;
}

/** Of a container on `networkIds`. */
export function containerRules(
  services: readonly VirtualService[],
  networkIds: ReadonlySet<string>,
  { back, names, elsewhere }: ContainerWays = {},
): ContainerRules {
  const known = services.filter(({ networkId }) => networkIds.has(networkId));
  const led = known.filter(({ targets }) => targets.length > 0);
  const dead = known.filter(({ targets }) => targets.length === 0);
  const routes = [...(back ? wayBackRoutes(back) : []), ...(elsewhere?.by === undefined ? [] : [`route replace ${elsewhereServer} via ${elsewhere.by}`])];
  const v4 = [
    elements(
      'map',
      'vips',
      'ipv4_addr : verdict',
      led.map((service) => `${service.address} : goto ${virtualChain(service)}`),
    ),
    elements(
      'set',
      'dead',
      'ipv4_addr',
      dead.map(({ address }) => address),
    ),
    ...led.map(serviceChain),
    refusalChain,
    // Asked for the first packet of a connection alone: what is refused never becomes one.
    hooked('out', 'nat', 'output', -110, ['ip daddr @dead goto refuse;', 'ip daddr vmap @vips;']),
    ...askedNameRules(names, elsewhere?.address),
    ...(back ? wayBackRules(back) : []),
  ];
  const rules = wholeTables(containerTable, v4, []);
  const counted = known.map(({ serviceName }) => serviceName).join(' ');
  return { ...rules, revision: [rules.revision, ...routes, counted].join('\n'), routes, counts: containerCountParts(known) };
}

/** Takes all of it away. */
export const noContainerRules = [containerTable, containerCountTable].map((table) => `table ip ${table}\ndelete table ip ${table}\n`).join('');

/** What makes the counters `after` of `before` in the kernel; undefined: whatever is there, which keeps its counts. */
export function countText(before: readonly RulePart[] | undefined, after: readonly RulePart[]): string {
  const table = `ip ${containerCountTable}`;
  const lines = (before && changedLines(table, before, after)) ?? filledLines(table, after);
  return lines.map((line) => `${line}\n`).join('');
}

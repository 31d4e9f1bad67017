/** Rules of others on a host that take away what a cluster's network needs. */
import type { Finding } from '#model/doctor/examination';
import { publishedMark } from '../rules/rule-set.ts';

/** What a host's firewall must let through. */
export interface Needs {
  /** UDP port between nodes. */
  port: number;
  /** TCP port of a manager here; absent: none is. */
  managerPort?: number;
}

/** Told at most; more are the same piece of news. */
const most = 8;
const longest = 200;

/** Of `iptables -S`, whose chains are tried in order: a rule that drops before ours, or names our ports, is in the way. */
export function foreignIptables(listing: string, needs: Needs): Finding[] {
  const lines = listing.split('\n').filter((line) => line.startsWith('-A '));
  const chain = (name: string): string[] => lines.filter((line) => line.startsWith(`-A ${name} `));
  const forward = before(chain('FORWARD'), (line) => /-j DOCKER-USER\b/.test(line)).filter(drops);
  const user = before(chain('DOCKER-USER'), isOurs).filter((line) => drops(line) || line === '-A DOCKER-USER -j RETURN');
  const input = chain('INPUT').filter((line) => drops(line) && namesOurs(line, needs));
  return [
    ...[...forward, ...user].map((line) => inTheWay(line, 'it comes before the rule that lets published traffic through')),
    ...input.map((line) => inTheWay(line, 'other nodes come to this port')),
  ].slice(0, most);
}

/** Of `nft -j list ruleset`: whatever else drops in a hook that our packets pass; what iptables shows is left to `foreignIptables`. */
export function foreignNft(listing: string, needs: Needs): Finding[] {
  const { nftables = [] } = JSON.parse(listing) as { nftables?: readonly { chain?: Chain; rule?: Rule }[] };
  const chains = nftables.flatMap(({ chain }) => (chain?.hook !== undefined && isForeign(chain) ? [chain] : []));
  const found: Finding[] = [];
  for (const chain of chains) {
    const rules = nftables.flatMap(({ rule }) =>
      rule && rule.chain === chain.name && rule.table === chain.table && rule.family === chain.family ? [rule] : [],
    );
    const place = `${chain.family} ${chain.table} ${chain.name}`;
    if (chain.hook === 'forward' && chain.policy === 'drop' && !rules.some(acceptsMark)) {
      found.push(
        inTheWay(
          `nft chain ${place} (hook forward, policy drop)`,
          `an accept elsewhere does not help: let "ct mark ${publishedMark} accept" and what comes by sh-* through in it`,
        ),
      );
    }
    if (chain.hook !== 'forward' && chain.hook !== 'input') continue;
    for (const rule of rules) {
      const text = JSON.stringify(rule.expr ?? []);
      if (!/\{"(drop|reject)":/.test(text)) continue;
      const always = chain.hook === 'forward' && !text.includes('"match"') && !text.includes('"vmap"');
      if (always || (chain.hook === 'input' && namesPort(rule, needs)))
        found.push(inTheWay(`nft rule in ${place}: ${text}`, 'what it drops does not reach the cluster’s networks'));
    }
  }
  return found.slice(0, most);
}

interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

interface Rule {
  family: string;
  table: string;
  chain: string;
  expr?: unknown;
}

/** The tables that iptables makes, and ours, are judged elsewhere; of other families the same names are somebody's own. */
function isForeign({ family, table }: Chain): boolean {
  const byIptables = ['ip', 'ip6'].includes(family) && ['filter', 'nat', 'mangle', 'raw', 'security'].includes(table);
  return !byIptables && !/^shoal(_\w+)?$/.test(table);
}

function acceptsMark({ expr }: Rule): boolean {
  const text = JSON.stringify(expr ?? []);
  return text.includes('{"accept":null}') && text.includes(`"right":${Number(publishedMark)}`);
}

/** One of its matches is for a destination port of ours. */
function namesPort({ expr }: Rule, { port, managerPort }: Needs): boolean {
  const matches = (Array.isArray(expr) ? (expr as readonly { match?: Match }[]) : []).flatMap(({ match }) => match ?? []);
  return matches.some(
    ({ op, left, right }) =>
      op !== '!=' && left?.payload?.field === 'dport' && [port, managerPort].some((number) => number !== undefined && holds(right, number)),
  );
}

interface Match {
  op?: string;
  left?: { payload?: { field?: string } };
  right?: unknown;
}

/** A number, a range, or a set of such, as nft writes them. */
function holds(right: unknown, number: number): boolean {
  if (typeof right === 'number') return right === number;
  const { set, range } = (right ?? {}) as { set?: unknown; range?: unknown };
  if (Array.isArray(set)) return set.some((each) => holds(each, number));
  return Array.isArray(range) && Number(range[0]) <= number && number <= Number(range[1]);
}

function before(lines: readonly string[], isLast: (line: string) => boolean): readonly string[] {
  const at = lines.findIndex(isLast);
  return at < 0 ? lines : lines.slice(0, at);
}

function drops(line: string): boolean {
  return /-j (DROP|REJECT)\b/.test(line);
}

function isOurs(line: string): boolean {
  return line.includes(`--mark ${publishedMark}`) && line.includes('-j ACCEPT');
}

function namesOurs(line: string, { port, managerPort }: Needs): boolean {
  const ports = [...line.matchAll(/--dports? ([\d,:]+)/g)].flatMap(([, list = '']) => list.split(','));
  return ports.some((text) => {
    const [low = 0, high = low] = text.split(':').map(Number);
    return [port, managerPort].some((number) => number !== undefined && number >= low && number <= high);
  });
}

function inTheWay(rule: string, why: string): Finding {
  const shown = rule.length > longest ? `${rule.slice(0, longest)}…` : rule;
  return {
    level: 'error',
    check: 'firewall',
    text: `a rule that is none of ours drops packets: ${shown}`,
    advice: `remove it, or put what it must let through before it: ${why}`,
  };
}

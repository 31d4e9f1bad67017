/** The engine's own chains in the host's firewall. It makes them when it starts and never again: who flushes all rules takes them away for good. */
import { run } from '../run.ts';

interface Piece {
  what: string;
  table: 'nat' | 'filter';
  /** A line of `iptables -S`. */
  line: RegExp;
}

/** An engine that keeps its rules with iptables has both, and one that does not has neither. */
const chains: readonly Piece[] = [
  { what: 'the chain DOCKER of the table nat', table: 'nat', line: /^-N DOCKER$/m },
  { what: 'the chain DOCKER of the table filter', table: 'filter', line: /^-N DOCKER$/m },
];
/** With its first network. */
const jump: Piece = { what: 'the jump to DOCKER in PREROUTING', table: 'nat', line: /^-A PREROUTING .*-j DOCKER$/m };

export class EngineChains {
  readonly #seen = new Set<Piece>();

  /** What is missing of them, each named; what was never seen here, nor its sibling, the engine may not have at all. */
  async missing(): Promise<readonly string[]> {
    const [nat, filter] = await Promise.all([listing('nat'), listing('filter')]);
    if (nat === undefined || filter === undefined) return [];
    const there = [...chains, jump].filter(({ table, line }) => line.test(table === 'nat' ? nat : filter));
    for (const piece of there) this.#seen.add(piece);
    const expected = chains.some((chain) => this.#seen.has(chain)) ? [...chains, ...(this.#seen.has(jump) ? [jump] : [])] : [];
    return expected.filter((piece) => !there.includes(piece)).map(({ what }) => what);
  }
}

/** Undefined where the table cannot be read. */
async function listing(table: Piece['table']): Promise<string | undefined> {
  const { code, stdout } = await run('iptables', ['-w', '5', '-t', table, '-S'], { timeoutMs: 5000 });
  return code === 0 ? stdout : undefined;
}

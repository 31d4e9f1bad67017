/** Whether this host can do what networking needs, told in sentences that say what to do. */
import { ruleSet } from '#network/rules/rule-set';
import { tryRules } from './rule-table.ts';
import { isInstalled } from './run.ts';

const tools = [
  { command: 'nft', package: 'nftables', purpose: 'publish ports' },
  { command: 'ip', package: 'iproute2', purpose: 'set up bridges' },
  { command: 'bridge', package: 'iproute2', purpose: 'set up bridges' },
  { command: 'iptables', package: 'iptables', purpose: "let published traffic through the engine's own rules" },
] as const;

/** What is missing on this host; empty when all is there. Changes nothing. `kernelIsFit`: that it takes our rules is known. */
export async function checkHost(kernelIsFit = false): Promise<string[]> {
  const problems: string[] = [];
  if (process.platform !== 'linux') return [`networking needs a Linux kernel; this is ${process.platform}`];
  const missing = new Set<string>();
  for (const tool of tools) {
    if (isInstalled(tool.command)) continue;
    missing.add(tool.command);
    problems.push(`${tool.command} is not installed; it is needed to ${tool.purpose}: install the package ${tool.package}`);
  }
  if (kernelIsFit || missing.has('nft')) return problems;
  const port = { serviceName: '', protocol: 'tcp', port: 1, targets: [1, 2].map((index) => ({ address: `192.0.2.${index}`, port: 1 })) } as const;
  const refused = await tryRules(ruleSet('shoal_check', { ports: [port] }));
  if (refused !== undefined) problems.push(ruleProblem(refused));
  return problems;
}

function ruleProblem(reason: string): string {
  if (/not permitted|must be root/i.test(reason)) return 'the right to change the network is missing: run the daemon as root (or with CAP_NET_ADMIN)';
  return `the kernel does not take nftables rules (modules nf_tables, nft_chain_nat, nft_fib, nft_numgen, nft_reject are needed): ${reason.split('\n')[0]}`;
}

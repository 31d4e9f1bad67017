/** The one rule of ours inside the engine's firewall: without it, FORWARD's policy DROP would swallow published traffic. */
import { publishedMark } from '#network/rules/rule-set';
import { run } from './run.ts';

/** Of nftables, where iptables keeps its rules there. */
export const engineTable = 'filter';
const chain = 'DOCKER-USER';
const rule = ['-m', 'connmark', '--mark', publishedMark, '-j', 'ACCEPT'];

/** Puts the accept rule first in DOCKER-USER unless it is there; makes chain and jump when the engine has not. True when something was missing. */
export async function acceptPublished(): Promise<boolean> {
  let repaired = false;
  if (!(await succeeds(['-n', '-L', chain]))) {
    await must(['-N', chain]);
    repaired = true;
  }
  if (!(await succeeds(['-C', 'FORWARD', '-j', chain]))) {
    await must(['-I', 'FORWARD', '-j', chain]);
    repaired = true;
  }
  if (!(await succeeds(['-C', chain, ...rule]))) {
    await must(['-I', chain, '1', ...rule]);
    repaired = true;
  }
  return repaired;
}

/** Whether the accept rule is there; false as well when the chain is gone. */
export function acceptsPublished(): Promise<boolean> {
  return succeeds(['-C', chain, ...rule]);
}

/** Takes the accept rule away again; the chain stays, for it is the engine's. */
export async function stopAccepting(): Promise<void> {
  if (await succeeds(['-C', chain, ...rule])) await must(['-D', chain, ...rule]);
}

/** Whether iptables here keeps its rules where `nft monitor` sees them. */
export async function firewallIsWatched(): Promise<boolean> {
  const { stdout } = await run('iptables', ['--version'], { timeoutMs: 5000 });
  return stdout.includes('nf_tables');
}

async function succeeds(args: readonly string[]): Promise<boolean> {
  return (await iptables(args)).code === 0;
}

async function must(args: readonly string[]): Promise<void> {
  const { code, stderr } = await iptables(args);
  if (code !== 0) throw new Error(`iptables ${args.join(' ')}: ${stderr.trim()}`);
}

/** `-w`: the engine changes its rules at the same time. */
function iptables(args: readonly string[]): ReturnType<typeof run> {
  return run('iptables', ['-w', '5', ...args], { timeoutMs: 10_000 });
}

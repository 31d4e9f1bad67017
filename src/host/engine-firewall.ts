/** The rules of ours inside the host's firewall: without them, policies to drop would swallow published traffic, and what containers ask our name server. */
import { nameMark } from '#network/rules/name-server-rules';
import { publishedMark } from '#network/rules/rule-set';
import { run } from './run.ts';

/** Of nftables, where iptables keeps its rules there. */
export const engineTable = 'filter';
/** The engine's, for rules of others. */
const userChain = 'DOCKER-USER';

interface Accepted {
  chain: string;
  mark: string;
  what: string;
}

const accepted: readonly Accepted[] = [
  { chain: userChain, mark: publishedMark, what: 'published traffic' },
  { chain: 'INPUT', mark: nameMark, what: 'what containers ask the name server' },
];

/** Puts each rule first in its chain unless it is there; makes the engine's chain, and the jump to it, when the engine has not. What was missing, each a sentence. */
export async function acceptOurs(): Promise<string[]> {
  const made = await makeChain();
  const missing = await missingAccepts();
  for (const { chain, mark } of missing) await must(['-I', chain, '1', ...rule(mark)]);
  const what = [...(made && missing.length === 0 ? [`the jump to ${userChain}`] : []), ...missing.map(ruleText)];
  return what.map((each) => `${each} was missing; it is there again`);
}

/** Of the rules those that are not there; also when the engine's chain is gone. */
export async function missingAccepts(): Promise<readonly Accepted[]> {
  const there = await Promise.all(accepted.map(({ chain, mark }) => succeeds(['-C', chain, ...rule(mark)])));
  return accepted.filter((_, at) => !there[at]);
}

export function ruleText({ chain, what }: Accepted): string {
  return `the rule in ${chain} that lets ${what} through`;
}

/** Takes the rules away again; the chains stay, for they are the engine's and the host's. */
export async function stopAccepting(): Promise<void> {
  const missing = await missingAccepts();
  for (const each of accepted) if (!missing.includes(each)) await must(['-D', each.chain, ...rule(each.mark)]);
}

/** Whether iptables here keeps its rules where `nft monitor` sees them. */
export async function firewallIsWatched(): Promise<boolean> {
  const { stdout } = await run('iptables', ['--version'], { timeoutMs: 5000 });
  return stdout.includes('nf_tables');
}

/** True when chain or jump was missing. */
async function makeChain(): Promise<boolean> {
  // A jump leads to a chain that is there.
  if (await succeeds(['-C', 'FORWARD', '-j', userChain])) return false;
  if (!(await succeeds(['-n', '-L', userChain]))) await must(['-N', userChain]);
  await must(['-I', 'FORWARD', '-j', userChain]);
  return true;
}

function rule(mark: string): string[] {
  return ['-m', 'connmark', '--mark', mark, '-j', 'ACCEPT'];
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

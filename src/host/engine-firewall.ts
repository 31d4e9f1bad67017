/** The rules of ours inside the host's firewall: without them, policies to drop would swallow published traffic, and what containers ask our name server. */
import { readFile } from 'node:fs/promises';
import { nameMark } from '#network/rules/name-server-rules';
import { publishedMark } from '#network/rules/rule-set';
import { run } from './run.ts';

/** Of nftables, where iptables keeps its rules there. */
export const engineTable = 'filter';
/** The engine's, for rules of others. */
const userChain = 'DOCKER-USER';
const jump = ['-j', userChain];
/** Whether the firewall is shown what stays on a bridge. To ask for the match would load what does that, for all bridges of the host, those of virtual machines among them. */
const bridgedShown = '/proc/sys/net/bridge/bridge-nf-call-iptables';

interface Accepted {
  chain: string;
  words: readonly string[];
  what: string;
  /** Of what stays on a bridge. It comes after all others: it says nothing where the engine, or the host's owner, does. */
  bridged?: true;
}

const accepted: readonly Accepted[] = [
  { chain: userChain, words: marked(publishedMark), what: 'published traffic' },
  { chain: 'INPUT', words: marked(nameMark), what: 'what containers ask the name server' },
  // The engine has such a rule for each bridge, made with it and never again: who flushes the firewall cuts the host off from all the others.
  {
    chain: 'FORWARD',
    words: ['-i', 'sh-+', '-m', 'physdev', '--physdev-is-bridged', '-j', 'ACCEPT'],
    what: 'what containers of one network send one another',
    bridged: true,
  },
];

/** Those that need what this kernel has not: there the engine's own rules are all there is. */
const refused = new Set<Accepted>();

/** Puts each rule into its chain unless it is there; makes the engine's chain, and the jump to it, when the engine has not. What was missing, each a sentence. */
export async function acceptOurs(): Promise<string[]> {
  const shown = await shownRules();
  const made = await makeChain(shown);
  const missing = await missingAccepts(shown);
  for (const each of missing) await add(each);
  const added = missing.filter((each) => !refused.has(each));
  const what = [...(made && added.length === 0 ? [`the jump to ${userChain}`] : []), ...added.map(ruleText)];
  return what.map((each) => `${each} was missing; it is there again`);
}

/** Whether the rules and the jump to the engine's chain are there: one process where they are. */
export async function acceptsOurs(): Promise<boolean> {
  const shown = await shownRules();
  return (await isThere(shown, 'FORWARD', jump)) && (await missingAccepts(shown)).length === 0;
}

/** Of the rules those that are not there; also when the engine's chain is gone. */
export async function missingAccepts(shown: ReadonlySet<string> = new Set()): Promise<readonly Accepted[]> {
  const possible = await possibleAccepts();
  const there = await Promise.all(possible.map(({ chain, words }) => isThere(shown, chain, words)));
  return possible.filter((_, at) => !there[at]);
}

async function possibleAccepts(): Promise<readonly Accepted[]> {
  const isShown = (await readFile(bridgedShown, 'utf8').catch(() => '0')).trim() === '1';
  return accepted.filter((each) => !refused.has(each) && (isShown || !each.bridged));
}

export function ruleText({ chain, what }: Accepted): string {
  return `the rule in ${chain} that lets ${what} through`;
}

/** Takes the rules away again; the chains stay, for they are the engine's and the host's. */
export async function stopAccepting(): Promise<void> {
  const missing = await missingAccepts();
  for (const each of await possibleAccepts()) if (!missing.includes(each)) await must(['-D', each.chain, ...each.words]);
}

/** Whether iptables here keeps its rules where `nft monitor` sees them. */
export async function firewallIsWatched(): Promise<boolean> {
  const { stdout } = await run('iptables', ['--version'], { timeoutMs: 5000 });
  return stdout.includes('nf_tables');
}

/** True when chain or jump was missing. */
async function makeChain(shown: ReadonlySet<string>): Promise<boolean> {
  // A jump leads to a chain that is there.
  if (await isThere(shown, 'FORWARD', jump)) return false;
  if (!(await succeeds(['-n', '-L', userChain]))) await must(['-N', userChain]);
  await must(['-I', 'FORWARD', ...jump]);
  return true;
}

/** All rules, each as a line; none where they cannot be listed. */
async function shownRules(): Promise<ReadonlySet<string>> {
  const { code, stdout } = await iptables(['-S']);
  return new Set(code === 0 ? stdout.split('\n') : []);
}

/** What is not shown as we would write it may be there all the same: iptables itself is asked for that. */
async function isThere(shown: ReadonlySet<string>, chain: string, words: readonly string[]): Promise<boolean> {
  return shown.has(['-A', chain, ...words].join(' ')) || (await succeeds(['-C', chain, ...words]));
}

function marked(mark: string): string[] {
  return ['-m', 'connmark', '--mark', mark, '-j', 'ACCEPT'];
}

async function add(accept: Accepted): Promise<void> {
  const { chain, words, bridged } = accept;
  if (!bridged) await must(['-I', chain, '1', ...words]);
  else if (!(await succeeds(['-A', chain, ...words]))) refused.add(accept);
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

/** What the kernel remembers of connections whose target has gone, and is made to forget: `conntrack` tells and takes away, in this network or in one that `enter` leads to. */
import { run } from '../run.ts';

const limits = { timeoutMs: 5000 };
/** As many processes may be started one by one. */
const fewPorts = 8;
const fewAddresses = 2;

/** Of UDP all, of TCP those that nobody has answered yet. */
const kinds = { udp: ['-p', 'udp'], tcp: ['-p', 'tcp', '--state', 'SYN_SENT'] } as const;

/** Makes the kernel forget UDP flows that lead to `addresses`; without the tool they end 30 to 120 s after the last packet. Of many, those that have flows are asked for first. */
export async function forgetFlowsTo(addresses: ReadonlySet<string>): Promise<void> {
  await forgetTo(addresses, kinds.udp);
}

/**
 * Forgets connections to `addresses` that nobody has answered yet: who knocks again is led to somebody else. Those to one address by one process that
 * looks at each as it takes it away: what was answered since an earlier look is a connection, and its client would be cut off.
 */
export async function forgetUnanswered(addresses: ReadonlySet<string>): Promise<void> {
  await forgetTo(addresses, kinds.tcp);
}

async function forgetTo(addresses: ReadonlySet<string>, kind: readonly string[]): Promise<void> {
  const concerned = addresses.size <= fewAddresses ? addresses : await answeringAmong(addresses, kind);
  for (const address of concerned) await run('conntrack', ['-D', ...kind, '-r', address], limits);
}

async function answeringAmong(addresses: ReadonlySet<string>, kind: readonly string[]): Promise<ReadonlySet<string>> {
  const { stdout } = await run('conntrack', ['-L', ...kind], limits);
  return new Set(flowsIn(stdout).flatMap(({ answering }) => (addresses.has(answering) ? [answering] : [])));
}

/** Makes the kernel forget UDP flows to `ports` of this host that began before they were published. Of many, those that have flows are asked for first. */
export async function forgetFlowsToPorts(ports: ReadonlySet<number>): Promise<void> {
  const concerned = ports.size <= fewPorts ? ports : await portsWithFlows(ports);
  for (const port of concerned) await run('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', String(port)], limits);
}

async function portsWithFlows(ports: ReadonlySet<number>): Promise<ReadonlySet<number>> {
  const { stdout } = await run('conntrack', ['-L', '-p', 'udp'], limits);
  // The first of a line is that of the way there, the second that of the way back.
  const flows = [...stdout.matchAll(/^udp\b.*?\bdport=(\d+)/gm)].map(([, port]) => Number(port));
  return new Set(flows.filter((port) => ports.has(port)));
}

/** Forgets flows to a service's address that lead to none of its `targets` any more: what comes next is led to one of them, or refused. */
export async function forgetStrayed(targets: ReadonlyMap<string, readonly string[]>, protocol: keyof typeof kinds, enter: readonly string[]): Promise<void> {
  const conntrack = (...args: string[]): ReturnType<typeof run> => {
    const [command = '', ...words] = [...enter, 'conntrack', ...args];
    return run(command, words, limits);
  };
  const { stdout } = await conntrack('-L', ...kinds[protocol]);
  // Where it is this host that leads on, the address itself answers.
  const strayed = flowsIn(stdout).filter(({ asked, answering }) => answering !== asked && targets.get(asked)?.includes(answering) === false);
  const pairs = new Map(strayed.map((flow) => [`${flow.asked} ${flow.answering}`, flow]));
  for (const { asked, answering } of pairs.values()) await conntrack('-D', ...kinds[protocol], '-d', asked, '-r', answering);
}

interface Flow {
  /** Whom its client speaks to. */
  asked: string;
  /** Who answers, or would. */
  answering: string;
}

function flowsIn(text: string): Flow[] {
  return text.split('\n').flatMap((line) => {
    const [asked, answering] = [/\bdst=(\S+)/.exec(line)?.[1], [...line.matchAll(/\bsrc=(\S+)/g)][1]?.[1]];
    return asked !== undefined && answering !== undefined ? [{ asked, answering }] : [];
  });
}

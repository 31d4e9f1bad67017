/** `network doctor`: what is wrong with the network between the nodes, and what to do about it. */
import type { Command } from 'commander';
import { counted } from '#base/text/human';
import { doctorChecks, type Diagnosis, type ExaminedNode } from '#model/doctor/examination';
import { ApiError, type Client } from '../client.ts';
import { exitCodes } from '../command-error.ts';
import { openSession } from '../session.ts';

const help = `
Every node sends packets of all sizes to every other by the port of the data path, calls every manager by TCP, and looks at its firewall, at what the
kernel has of networks and services, and, from inside a container of each network, at names and services. NODE (id or name) is looked at alone, with all
ways to and from it. Nothing is changed but for rules that containers had lost: these are loaded again. It takes some seconds. Where no manager leads, the
one that is asked looks at itself by what it knows, calls the other managers, and says so.
Exit codes: 0 nothing is wrong, 1 somebody does not reach somebody.`;

export function addNetworkDoctor(network: Command): void {
  network
    .command('doctor')
    .description('look for what keeps containers and nodes from reaching one another')
    .argument('[node]')
    .option('--json', 'what was found as JSON')
    .addHelpText('after', help)
    .action(examine);
}

/** `why`: what the manager said who has no leader. */
type Told = Diagnosis & { why?: string };

async function examine(node: string | undefined, { json }: { json?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const diagnosis = await ask(client, node);
  if (json) terminal.out(JSON.stringify(diagnosis));
  else for (const line of diagnosisLines(diagnosis)) terminal.out(line);
  if (diagnosis.nodes.some(({ findings }) => findings.some(({ level }) => level === 'error'))) process.exitCode = exitCodes.refused;
}

/** Where nobody leads, the manager that is asked looks at itself. */
async function ask(client: Client, node: string | undefined): Promise<Told> {
  const path = '/shoal/v1/network/doctor';
  try {
    return await client.get<Diagnosis>(path, { node });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 503) throw error;
    const alone = await client.get<Diagnosis>(path, { node, stale: '1' });
    return { ...alone, why: error.detail };
  }
}

/** @internal */
export function diagnosisLines({ nodes, ways, leftOut, alone, why }: Told): string[] {
  const findings = nodes.flatMap((node) => node.findings);
  const errors = findings.filter(({ level }) => level === 'error').length;
  const looked = `${counted(nodes.length, 'node')}, ${counted(ways, 'way')} between them: `;
  const result = findings.length === 0 ? 'nothing is wrong' : `${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}`;
  if (alone) {
    const others = leftOut > 0 ? `; ${counted(leftOut, 'other node')} cannot be asked until one of them leads: look on each manager` : '';
    return [
      `no manager leads (${why ?? 'what this node holds was asked for'}): this node was looked at by what it knows${others}`,
      ...nodes.flatMap(nodeLines),
      result,
    ];
  }
  const rest = leftOut > 0 ? [`${counted(leftOut, 'node')} left out, these are too many for one look: name one to have it looked at`] : [];
  return [...nodes.flatMap(nodeLines), looked + result, ...rest];
}

function nodeLines({ name, address, mtu, findings }: ExaminedNode): string[] {
  const where = address === undefined ? '' : ` (${address}, MTU ${mtu})`;
  if (findings.length === 0) return [`${name}${where}: well`];
  const sorted = findings.toSorted((a, b) => doctorChecks.indexOf(a.check) - doctorChecks.indexOf(b.check));
  return [`${name}${where}:`, ...sorted.flatMap(({ level, check, text, advice }) => [`  ${level}: ${check}: ${text}`, `    ${advice}`])];
}

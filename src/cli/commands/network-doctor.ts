/** `network doctor`: what is wrong with the network between the nodes, and what to do about it. */
import type { Command } from 'commander';
import { counted } from '#base/text/human';
import { doctorChecks, type Diagnosis, type ExaminedNode } from '#model/doctor/examination';
import { exitCodes } from '../command-error.ts';
import { openSession } from '../session.ts';

const help = `
Every node sends packets of all sizes to every other by the port of the data path, calls every manager by TCP, and looks at its firewall, at what the
kernel has of networks and services, and, from inside a container of each network, at names and services. NODE (id or name) is looked at alone, with all
ways to and from it. Nothing is changed but for rules that containers had lost: these are loaded again. It takes some seconds.
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

async function examine(node: string | undefined, { json }: { json?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const diagnosis = await client.get<Diagnosis>('/shoal/v1/network/doctor', { node });
  if (json) terminal.out(JSON.stringify(diagnosis));
  else for (const line of diagnosisLines(diagnosis)) terminal.out(line);
  if (diagnosis.nodes.some(({ findings }) => findings.some(({ level }) => level === 'error'))) process.exitCode = exitCodes.refused;
}

/** @internal */
export function diagnosisLines({ nodes, ways, leftOut }: Diagnosis): string[] {
  const findings = nodes.flatMap((node) => node.findings);
  const errors = findings.filter(({ level }) => level === 'error').length;
  const looked = `${counted(nodes.length, 'node')}, ${counted(ways, 'way')} between them: `;
  const result = findings.length === 0 ? 'nothing is wrong' : `${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}`;
  const rest = leftOut > 0 ? [`${counted(leftOut, 'node')} left out, these are too many for one look: name one to have it looked at`] : [];
  return [...nodes.flatMap(nodeLines), looked + result, ...rest];
}

function nodeLines({ name, address, mtu, findings }: ExaminedNode): string[] {
  const where = address === undefined ? '' : ` (${address}, MTU ${mtu})`;
  if (findings.length === 0) return [`${name}${where}: well`];
  const sorted = findings.toSorted((a, b) => doctorChecks.indexOf(a.check) - doctorChecks.indexOf(b.check));
  return [`${name}${where}:`, ...sorted.flatMap(({ level, check, text, advice }) => [`  ${level}: ${check}: ${text}`, `    ${advice}`])];
}

/** `info` and `version`. */
import type { Command } from 'commander';
import { humanSize } from '#base/text/human';
import { expandForObject, jsonText } from '../output/template.ts';
import { openSession } from '../session.ts';
import { programVersion } from '#base/version';

interface Info {
  Name: string;
  ServerVersion: string;
  Containers: number;
  ContainersRunning: number;
  Images: number;
  OperatingSystem: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  Shoal?: { Version: string };
  Swarm?: {
    LocalNodeState: string;
    NodeID?: string;
    NodeAddr?: string;
    ControlAvailable?: boolean;
    Error?: string;
    Nodes?: number;
    Managers?: number;
    Cluster?: { ID: string };
  };
}

export function addSystem(program: Command): void {
  program
    .command('info')
    .description('show the state of the daemon, its engine and the cluster')
    .option('-f, --format <template>', 'json or a template')
    .action(showInfo);
  program.command('version').description('show versions').option('-f, --format <template>', 'json or a template').action(showVersion);
}

async function showInfo({ format }: { format?: string }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const info = await client.get<Info>('/info');
  if (format !== undefined) return terminal.out(format === 'json' ? jsonText(info) : expandForObject(format, info));
  const swarm = info.Swarm;
  const lines = [
    ...(info.Shoal ? [`Shoal: ${info.Shoal.Version}`] : []),
    `Swarm: ${swarm?.LocalNodeState ?? 'inactive'}`,
    ...(swarm?.LocalNodeState === 'active'
      ? [
          ` NodeID: ${swarm.NodeID ?? ''}`,
          ` Is Manager: ${swarm.ControlAvailable === true}`,
          ` ClusterID: ${swarm.Cluster?.ID ?? ''}`,
          ` Managers: ${swarm.Managers ?? 0}`,
          ` Nodes: ${swarm.Nodes ?? 0}`,
          ` Node Address: ${swarm.NodeAddr ?? ''}`,
        ]
      : []),
    ...(swarm?.Error ? [` Error: ${swarm.Error}`] : []),
    `Engine: ${info.ServerVersion}`,
    ` Containers: ${info.Containers}, ${info.ContainersRunning} running`,
    ` Images: ${info.Images}`,
    `Host: ${info.Name}`,
    ` ${info.OperatingSystem}, ${info.Architecture}`,
    ` CPUs: ${info.NCPU}`,
    ` Memory: ${humanSize(info.MemTotal)}`,
  ];
  for (const line of lines) terminal.out(line);
}

async function showVersion({ format }: { format?: string }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const server = await client.get<{ Version: string; ApiVersion: string; Shoal?: { Version: string } }>('/version').catch((error: Error) => error);
  const answered = !(server instanceof Error);
  const data = { Client: { Version: programVersion, Node: process.version }, Server: answered ? server : null };
  if (format !== undefined) terminal.out(format === 'json' ? jsonText(data) : expandForObject(format, data));
  else {
    terminal.out(`Client: shoal ${programVersion} (Node ${process.version})`);
    if (answered) terminal.out(`Server: ${server.Shoal ? `shoal ${server.Shoal.Version}, ` : ''}engine ${server.Version}, API ${server.ApiVersion}`);
  }
  if (!answered) throw server;
}

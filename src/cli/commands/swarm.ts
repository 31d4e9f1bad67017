/** `swarm init|leave`. */
import type { Command } from 'commander';
import { collect, openSession } from '../session.ts';

interface InitFlags {
  advertiseAddr?: string;
  listenAddr: string;
  availability: string;
  defaultAddrPool?: string[];
  defaultAddrPoolMaskLength: string;
  taskHistoryLimit?: string;
  forceNewCluster?: boolean;
}

export function addSwarm(program: Command): void {
  const swarm = program.command('swarm').description('manage the cluster');
  swarm
    .command('init')
    .description('make a cluster, with this node as its manager')
    .option('--advertise-addr <address>', 'address that other nodes reach this one by')
    .option('--listen-addr <address>', 'address to listen on', '0.0.0.0:2377')
    .option('--availability <availability>', 'active, pause or drain', 'active')
    .option('--default-addr-pool <cidr>', 'pool that networks take their subnets from', collect)
    .option('--default-addr-pool-mask-length <bits>', 'size of those subnets', '24')
    .option('--task-history-limit <count>', 'how many old tasks to keep per slot')
    .option('--force-new-cluster', 'make a new cluster of one from what this node knows')
    .action(initSwarm);
  swarm.command('leave').description('leave the cluster; what runs here ends').option('-f, --force', 'though this node is a manager').action(leaveSwarm);
}

async function initSwarm(flags: InitFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const limit = flags.taskHistoryLimit;
  const id = await client.post<string>('/swarm/init', {
    ListenAddr: flags.listenAddr,
    AdvertiseAddr: flags.advertiseAddr ?? '',
    Availability: flags.availability,
    DefaultAddrPool: flags.defaultAddrPool ?? [],
    SubnetSize: Number(flags.defaultAddrPoolMaskLength),
    ForceNewCluster: flags.forceNewCluster === true,
    Spec: limit === undefined ? {} : { Orchestration: { TaskHistoryRetentionLimit: Number(limit) } },
  });
  terminal.out(`Swarm initialized: current node (${id}) is now a manager.`);
}

async function leaveSwarm(flags: { force?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  await client.post('/swarm/leave', undefined, { query: flags.force ? { force: '1' } : {} });
  terminal.out('Node left the swarm.');
}

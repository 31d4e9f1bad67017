/** `swarm init|join|join-token|leave|update|ca|unlock|unlock-key`. */
import { own } from '#base/text/own';
import type { Command } from 'commander';
import type { ClusterSpec } from '#model/object/cluster';
import type { Node } from '#model/object/node';
import type { Client } from '../../client.ts';
import { CommandError, exitCodes } from '../../command-error.ts';
import { booleans } from '../../docker-command.ts';
import { collect, openSession } from '../../session.ts';
import { whole } from '../service/service-values.ts';
import { externalCa, externalCaFlag } from './external-ca.ts';
import { duration, type ShownCluster } from './shown-cluster.ts';
import { addAuthority } from './swarm-ca.ts';
import { addLock, tellKey } from './swarm-lock.ts';

interface SpecFlags {
  taskHistoryLimit?: string;
  certExpiry?: string;
  dispatcherHeartbeat?: string;
  maxSnapshots?: string;
  snapshotInterval?: string;
  externalCa?: string[];
}

interface AddressFlags {
  advertiseAddr?: string;
  listenAddr: string;
  dataPathAddr?: string;
  availability: string;
}

interface InitFlags extends SpecFlags, AddressFlags {
  dataPathPort?: string;
  defaultAddrPool?: string[];
  defaultAddrPoolMaskLength: string;
  forceNewCluster?: boolean;
  autolock?: boolean;
}

interface UpdateFlags extends SpecFlags {
  autolock?: string | true;
}

export function addSwarm(program: Command): void {
  const swarm = program.command('swarm').description('manage the cluster');
  const init = swarm
    .command('init')
    .description('make a cluster, with this node as its manager')
    .option('--default-addr-pool <cidr>', 'pool that networks take their subnets from', collect)
    .option('--default-addr-pool-mask-length <bits>', 'size of those subnets', '24')
    .option('--data-path-port <port>', 'UDP port for traffic between tasks')
    .option('--autolock', 'managers need a key after a restart, which is shown here and by unlock-key')
    .option('--force-new-cluster', 'make a new cluster of one from what this node knows')
    .action(initSwarm);
  addAddressOptions(init);
  addSpecOptions(init);
  const join = swarm
    .command('join')
    .description('join a cluster as a worker or a manager, as the token says')
    .argument('<host:port>', 'a manager')
    .requiredOption('--token <token>', 'what join-token shows on a manager')
    .option('--replace <node>', 'id or name of a node that is lost for good: this one takes its place, and it is removed')
    .action(joinSwarm);
  addAddressOptions(join);
  swarm
    .command('join-token')
    .description('show with what nodes join')
    .argument('<role>', 'worker or manager')
    .option('--rotate', 'exchange the token: the one of before admits nobody any more')
    .option('-q, --quiet', 'only the token')
    .action(showToken);
  addSpecOptions(
    swarm
      .command('update')
      .description("change the cluster's settings")
      .option('--autolock [bool]', 'true: managers need a key after a restart; false: they do not')
      .action(updateSwarm),
  );
  addLock(swarm);
  addAuthority(swarm);
  swarm.command('leave').description('leave the cluster; what runs here ends').option('-f, --force', 'though this node is a manager').action(leaveSwarm);
}

function addAddressOptions(command: Command): void {
  command
    .option('--advertise-addr <address>', 'address that other nodes reach this one by')
    .option('--listen-addr <address>', 'address to listen on', '0.0.0.0:2377')
    .option('--data-path-addr <address>', 'address for traffic between tasks')
    .option('--availability <availability>', 'active, pause or drain', 'active');
}

function addSpecOptions(command: Command): void {
  command
    .option('--cert-expiry <duration>', 'how long certificates of nodes are good (default 2160h)')
    .option('--dispatcher-heartbeat <duration>', 'how often nodes say that they live (default 1s)')
    .option('--max-snapshots <count>', 'snapshots kept beside the newest')
    .option('--snapshot-interval <count>', 'log entries between snapshots')
    .option('--task-history-limit <count>', 'how many old tasks to keep per slot')
    .option(...externalCaFlag, collect);
}

/**
 * `base` with what the flags say laid over it. Throws CommandError for what is no number or duration.
 * @internal
 */
export function specOf(flags: SpecFlags, base: Partial<ClusterSpec>): Partial<ClusterSpec> {
  const { externalCa: externals, taskHistoryLimit, certExpiry, dispatcherHeartbeat, maxSnapshots, snapshotInterval } = flags;
  const raft = {
    ...(maxSnapshots && { KeepOldSnapshots: whole('--max-snapshots', maxSnapshots) }),
    ...(snapshotInterval && { SnapshotInterval: whole('--snapshot-interval', snapshotInterval) }),
  };
  return {
    ...base,
    ...(taskHistoryLimit && { Orchestration: { TaskHistoryRetentionLimit: historyLimit(taskHistoryLimit) } }),
    ...((certExpiry || externals) && {
      CAConfig: {
        ...(base.CAConfig as ClusterSpec['CAConfig']),
        ...(certExpiry && { NodeCertExpiry: duration('--cert-expiry', certExpiry) }),
        ...(externals && { ExternalCAs: externals.map(externalCa) }),
      },
    }),
    ...(dispatcherHeartbeat && { Dispatcher: { HeartbeatPeriod: duration('--dispatcher-heartbeat', dispatcherHeartbeat) } }),
    ...(Object.keys(raft).length > 0 && { Raft: { ...base.Raft, ...raft } as ClusterSpec['Raft'] }),
  };
}

/** Below nothing, all are kept. */
function historyLimit(text: string): number {
  const isBelow = text.startsWith('-');
  const size = whole('--task-history-limit', isBelow ? text.slice(1) : text);
  return isBelow ? -size : size;
}

async function initSwarm(flags: InitFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const id = await client.post<string>('/swarm/init', {
    ...addressesOf(flags),
    ...(flags.dataPathPort !== undefined && { DataPathPort: whole('--data-path-port', flags.dataPathPort) }),
    DefaultAddrPool: flags.defaultAddrPool ?? [],
    SubnetSize: whole('--default-addr-pool-mask-length', flags.defaultAddrPoolMaskLength),
    ForceNewCluster: flags.forceNewCluster === true,
    AutoLockManagers: flags.autolock === true,
    Spec: specOf(flags, {}),
  });
  terminal.out(`Swarm initialized: current node (${id}) is now a manager.\n`);
  terminal.out(await invitation(client, 'worker'));
  terminal.out("To add a manager to this swarm, run 'shoal swarm join-token manager' and follow the instructions.\n");
  if (flags.autolock) await tellKey(client, terminal);
}

function addressesOf(flags: AddressFlags): object {
  return {
    ListenAddr: flags.listenAddr,
    AdvertiseAddr: flags.advertiseAddr ?? '',
    DataPathAddr: flags.dataPathAddr ?? '',
    Availability: flags.availability,
  };
}

async function joinSwarm(address: string, flags: AddressFlags & { token: string; replace?: string }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  await client.post(
    '/swarm/join',
    { ...addressesOf(flags), RemoteAddrs: [address], JoinToken: flags.token },
    { query: flags.replace === undefined ? {} : { replaces: flags.replace } },
  );
  const info = await client.get<{ Swarm?: { ControlAvailable?: boolean } }>('/info');
  terminal.out(`This node joined a swarm as a ${info.Swarm?.ControlAvailable ? 'manager' : 'worker'}.`);
}

async function showToken(role: string, flags: { rotate?: boolean; quiet?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  if (role !== 'worker' && role !== 'manager') throw new CommandError(`unknown role ${role}`, exitCodes.usage);
  if (flags.rotate) {
    const { Version, Spec } = await client.get<ShownCluster>('/swarm');
    const rotate = { rotateWorkerToken: String(role === 'worker'), rotateManagerToken: String(role === 'manager') };
    await client.post('/swarm/update', Spec, { query: { version: String(Version.Index), ...rotate } });
    if (!flags.quiet) terminal.out(`Successfully rotated ${role} join token.\n`);
  }
  terminal.out(flags.quiet ? await tokenFor(client, role) : await invitation(client, role));
}

async function tokenFor(client: Client, role: 'worker' | 'manager'): Promise<string> {
  const { JoinTokens } = await client.get<ShownCluster>('/swarm');
  return role === 'worker' ? JoinTokens.Worker : JoinTokens.Manager;
}

async function invitation(client: Client, role: 'worker' | 'manager'): Promise<string> {
  const token = await tokenFor(client, role);
  const info = await client.get<{ Swarm?: { NodeID?: string } }>('/info');
  const node = await client.get<Node>(`/nodes/${info.Swarm?.NodeID ?? ''}`);
  return `To add a ${role} to this swarm, run the following command:\n\n    shoal swarm join --token ${token} ${node.ManagerStatus?.Addr ?? ''}\n`;
}

async function updateSwarm({ autolock, ...flags }: UpdateFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  if (Object.keys(flags).length === 0 && autolock === undefined) return command.outputHelp();
  const { Version, Spec } = await client.get<ShownCluster>('/swarm');
  const locks = autolock === undefined ? Spec.EncryptionConfig.AutoLockManagers : switchOf(autolock);
  const spec = { ...specOf(flags, Spec), EncryptionConfig: { AutoLockManagers: locks } };
  await client.post('/swarm/update', spec, { query: { version: String(Version.Index) } });
  terminal.out('Swarm updated.');
  if (locks && !Spec.EncryptionConfig.AutoLockManagers) await tellKey(client, terminal);
}

function switchOf(text: string | true): boolean {
  const value = text === true ? true : own(booleans, text);
  if (value !== undefined) return value;
  throw new CommandError(
    `invalid argument "${String(text)}" for "--autolock" flag: strconv.ParseBool: parsing "${String(text)}": invalid syntax`,
    exitCodes.usage,
  );
}

async function leaveSwarm(flags: { force?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  await client.post('/swarm/leave', undefined, { query: flags.force ? { force: '1' } : {} });
  terminal.out('Node left the swarm.');
}

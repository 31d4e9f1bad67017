/** Use cases of the one cluster object. */
import { second } from '#base/text/duration';
import { Refusal } from '#base/refusal';
import { finishRotation, withNewTokens } from '#ca/authority';
import { parsePrefix } from '#model/address';
import { parseSubnet } from '#model/ipv4';
import { unlockKeyBytes, unlockKeyText } from '#model/trust/unlock-key';
import type { Authority } from '#model/object/authority';
import type { Cluster, ClusterSpec } from '#model/object/cluster';
import type { Network } from '#model/object/network';
import type { Node, NodeDescription, NodeSpec } from '#model/object/node';
import { create, newMeta, update } from '#store/action';
import { clusterOf } from '#store/view';
import type { UseCase } from './cluster.ts';
import { checkVersion } from './find.ts';

export interface InitOptions {
  nodeId: string;
  /** Where other nodes reach this one. */
  address: string;
  description: NodeDescription;
  availability?: NodeSpec['Availability'];
  /** What differs from the defaults. */
  spec?: Partial<ClusterSpec>;
  /** CIDR texts that networks take their subnets from. */
  defaultAddrPool?: readonly string[];
  /** Where none are asked for. */
  usualPools?: readonly string[];
  /** Prefix length of each subnet: 20 by default, for every node takes an address in every network that it uses. */
  subnetSize?: number;
  /** UDP port between nodes. */
  dataPathPort?: number;
  /** What the first node's certificate names already, and who signed it; absent: the leader makes an authority. */
  authority?: { clusterId: string; authority: Authority };
  /** Where other nodes reach this one as a manager, with port. */
  managerAddress?: string;
  /** Of managers that are locked from the beginning. */
  unlockKey?: string;
}

const hour = 3600 * second;
const day = 24 * hour;

/** SwarmKit's defaults, but for the beats, of which three missed ones make a node down: every second. `swarm init` lays the flags that were given over them. */
export const defaultClusterSpec: ClusterSpec = {
  Name: 'default',
  Labels: {},
  Orchestration: { TaskHistoryRetentionLimit: 5 },
  Raft: { SnapshotInterval: 10_000, KeepOldSnapshots: 0, LogEntriesForSlowFollowers: 500, ElectionTick: 10, HeartbeatTick: 1 },
  Dispatcher: { HeartbeatPeriod: second },
  CAConfig: { NodeCertExpiry: 90 * day },
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: false },
};

/** Makes the cluster with this node as its first manager, and the ingress network. */
export function initCluster(options: InitOptions): UseCase<{ ID: string }> {
  return (view, { newId }) => {
    if (clusterOf(view)) {
      throw new Refusal('unavailable', 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.');
    }
    const cluster = newCluster(options.authority?.clusterId ?? newId(), options);
    const actions = [create('cluster', cluster), create('node', firstNode(options)), create('network', newIngress(newId()))];
    return { actions, result: { ID: cluster.ID } };
  };
}

/** What is exchanged beside a change of the spec. */
export interface Exchange {
  /** Roles whose tokens admit nobody any more. */
  tokens?: readonly NodeSpec['Role'][];
  unlockKey?: boolean;
  /** What the change of roots that the spec asks for makes of the authority. */
  authority?: Authority | undefined;
}

/** Replaces the whole spec; `version` is the one that the caller has read. */
export function updateCluster(version: number, spec: ClusterSpec, { tokens = [], unlockKey = false, authority: next }: Exchange = {}): UseCase<void> {
  return (view, { random }) => {
    const cluster = clusterOf(view);
    if (!cluster) throw new Refusal('notFound', 'cluster not found');
    checkVersion(cluster, version);
    if (spec.Name && spec.Name !== cluster.Spec.Name) throw new Refusal('invalidArgument', `swarm spec must be named "${cluster.Spec.Name}"`, { plain: true });
    const Spec = withDefaults(spec);
    checkCluster(Spec, cluster.Spec);
    const { Authority: authority, UnlockKey: known, ...rest } = cluster.Shoal ?? {};
    const chance = (count: number): Uint8Array => random.bytes(count);
    const base = next ?? authority;
    const Authority = base && (tokens.length > 0 ? withNewTokens(base, tokens, chance) : base);
    const UnlockKey = lockOf(Spec, unlockKey ? undefined : known, chance);
    const Shoal = { ...rest, ...(Authority && { Authority }), ...(UnlockKey !== undefined && { UnlockKey }) };
    return { actions: [update('cluster', { ...cluster, Spec, ...(Object.keys(Shoal).length > 0 && { Shoal }) })], result: undefined };
  };
}

/** The root `certificate` is the only one from now on; false where that is not on its way in any more. */
export function endRotation(certificate: string, chance: (count: number) => Uint8Array): UseCase<boolean> {
  return (view) => {
    const cluster = clusterOf(view);
    const authority = cluster?.Shoal?.Authority;
    if (!cluster || authority?.Rotation?.Certificate !== certificate) return { actions: [], result: false };
    return { actions: [update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, Authority: finishRotation(authority, chance) } })], result: true };
  };
}

/** Undefined where managers are not to be locked. */
function lockOf(spec: ClusterSpec, known: string | undefined, chance: (count: number) => Uint8Array): string | undefined {
  if (!spec.EncryptionConfig.AutoLockManagers) return undefined;
  return known ?? unlockKeyText(chance(unlockKeyBytes));
}

/** Gives the cluster its authority, unless it has one. */
export function setAuthority(authority: Authority): UseCase<void> {
  return (view) => {
    const cluster = clusterOf(view);
    if (!cluster || cluster.Shoal?.Authority) return { actions: [], result: undefined };
    return { actions: [update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, Authority: authority } })], result: undefined };
  };
}

/** Refuses a pool that no subnet could be taken from. */
function checkPool(pool: string, subnetSize: number): void {
  const prefix = parsePrefix(pool);
  if (!prefix) throw refusedPlainly(`invalid base pool ${pool}: invalid CIDR address: ${pool}`);
  if (!parseSubnet(pool))
    throw new Refusal('unimplemented', `address pool ${pool} is not supported: networks of the cluster have addresses of version 4`, { plain: true });
  if (subnetSize !== 0 && BigInt(32 - subnetSize) > prefix.freeBits)
    throw refusedPlainly(`invalid CIDR: ${JSON.stringify(pool)}. Subnet size is too small: ${subnetSize}`);
}

/** dockerd says these itself, before there is a manager. */
function refusedPlainly(message: string): Refusal {
  return new Refusal('invalidArgument', message, { plain: true });
}

function newCluster(id: string, options: InitOptions): Cluster {
  const spec = withDefaults(options.spec ?? {});
  checkCluster(spec, defaultClusterSpec);
  const asked = (options.defaultAddrPool ?? []).map((pool) => pool.trim());
  const pools = asked.length > 0 ? asked : (options.usualPools ?? []);
  // The usual ones are for subnets of any size: of a small one a single subnet is taken.
  for (const pool of pools) checkPool(pool, asked.length > 0 ? (options.subnetSize ?? 0) : 0);
  const size = options.subnetSize ?? 0;
  const port = options.dataPathPort ?? 0;
  if (size !== 0 && (size < 0 || size > 29)) throw refusedPlainly(`subnet size is out of range: ${size}`);
  if (port !== 0 && (port < 1024 || port > 49_151)) throw refusedPlainly(`Datapath port number is not in valid range (1024-49151) : ${port}`);
  // Who founds a cluster is all of its nodes.
  const FeatureLevel = options.description.Shoal?.FeatureLevel;
  const { authority: { authority } = {}, unlockKey } = options;
  const Shoal = {
    ...(authority && { Authority: authority }),
    ...(FeatureLevel !== undefined && { FeatureLevel }),
    ...(unlockKey !== undefined && { UnlockKey: unlockKey }),
  };
  return {
    ...newMeta(id),
    Spec: spec,
    DefaultAddrPool: pools.length > 0 ? pools : ['10.0.0.0/8'],
    SubnetSize: size || 20,
    DataPathPort: port || 4789,
    ...(Object.keys(Shoal).length > 0 && { Shoal }),
  };
}

function firstNode(options: InitOptions): Node {
  return {
    ...newMeta(options.nodeId),
    Spec: { Labels: {}, Role: 'manager', Availability: options.availability ?? 'active' },
    Description: options.description,
    Status: { State: 'ready', Addr: options.address },
    Shoal: { Role: 'manager', ...(options.managerAddress !== undefined && { ManagerAddr: options.managerAddress }) },
  };
}

function newIngress(id: string): Network {
  return { ...newMeta(id), Spec: { Name: 'ingress', Labels: {}, Driver: 'overlay', Ingress: true } };
}

/** Each group of settings is laid over its defaults, so that what a client leaves out keeps working. */
function withDefaults(spec: Partial<ClusterSpec>): ClusterSpec {
  const base = defaultClusterSpec;
  return {
    ...base,
    ...spec,
    Name: spec.Name || base.Name,
    Orchestration: { ...base.Orchestration, ...spec.Orchestration },
    Raft: {
      ...base.Raft,
      ...spec.Raft,
      // Docker's clients send zero for the ticks that they leave to the daemon.
      ElectionTick: spec.Raft?.ElectionTick || base.Raft.ElectionTick,
      HeartbeatTick: spec.Raft?.HeartbeatTick || base.Raft.HeartbeatTick,
    },
    Dispatcher: { HeartbeatPeriod: spec.Dispatcher?.HeartbeatPeriod || base.Dispatcher.HeartbeatPeriod },
    CAConfig: {
      NodeCertExpiry: spec.CAConfig?.NodeCertExpiry || base.CAConfig.NodeCertExpiry,
      // A root's key is the authority's, and nothing that a reader of the settings sends back.
      ...(spec.CAConfig?.ForceRotate && { ForceRotate: spec.CAConfig.ForceRotate }),
      ...(spec.CAConfig?.ExternalCAs && spec.CAConfig.ExternalCAs.length > 0 && { ExternalCAs: spec.CAConfig.ExternalCAs }),
    },
    TaskDefaults: spec.TaskDefaults ?? {},
    EncryptionConfig: { ...base.EncryptionConfig, ...spec.EncryptionConfig },
  };
}

/** @param present what the cluster has: a setting that nothing carries out may stay, and not be changed */
function checkCluster(spec: ClusterSpec, present: ClusterSpec): void {
  if (spec.Name !== 'default') throw new Refusal('invalidArgument', 'swarm spec must be named "default"');
  if (spec.CAConfig.NodeCertExpiry < hour) throw new Refusal('invalidArgument', 'minimum certificate expiry time is: 1h0m0s');
  for (const { URL } of spec.CAConfig.ExternalCAs ?? []) {
    if (!URL.startsWith('https://')) throw new Refusal('invalidArgument', `external CA ${JSON.stringify(URL)}: its URL begins with https://`, { plain: true });
  }
  if (spec.Dispatcher.HeartbeatPeriod < 0) {
    throw new Refusal('invalidArgument', 'heartbeat time period cannot be a negative duration');
  }
  const period = spec.Dispatcher.HeartbeatPeriod;
  if (period !== present.Dispatcher.HeartbeatPeriod && (period < shortestPeriod || period > longestPeriod)) {
    const why = 'below, nodes that are well count as dead; above, dead ones as well';
    throw new Refusal('invalidArgument', `Dispatcher.HeartbeatPeriod is between 500ms and 1h: ${why}`, { plain: true });
  }
  if (spec.Raft.KeepOldSnapshots > mostSnapshots)
    throw new Refusal('invalidArgument', `Raft.KeepOldSnapshots is at most ${mostSnapshots}: each holds the whole state`, { plain: true });
  const told = ticks(spec.Raft);
  const kept = ticks(present.Raft);
  const usual = ticks(defaultClusterSpec.Raft);
  for (const [name, value] of Object.entries(told)) {
    if (value === kept[name] || value === usual[name]) continue;
    throw new Refusal(
      'unimplemented',
      `${name} is not supported: it is ${String(usual[name])}; the daemon's own options --raft-tick, --raft-heartbeat and --raft-election say it`,
      { plain: true },
    );
  }
}

const shortestPeriod = second / 2;
const longestPeriod = hour;

/** More than that is a disk full of the same. */
const mostSnapshots = 100;

function ticks({ ElectionTick, HeartbeatTick }: ClusterSpec['Raft']): Record<string, number> {
  return { 'Raft.ElectionTick': ElectionTick, 'Raft.HeartbeatTick': HeartbeatTick };
}

/** How the other bodies are read from a request: secrets, configs, networks, nodes, the cluster, stacks, repositories. */
import type { ClusterSpec } from '#model/cluster';
import type { NetworkSpec } from '#model/network';
import type { NodeSpec } from '#model/node';
import type { RepositoryCredentials, RepositorySpec } from '#model/repository';
import type { ConfigSpec, SecretSpec } from '#model/secret';
import type { StackSpec } from '#model/stack';
import type { InitRequest } from '../dependencies.ts';
import { logDriver, serviceSpec } from './service-body.ts';
import { count, flagShape, integer, list, object, record, text, word } from './decoders.ts';

const labels = record(text);
const driver = object<NonNullable<SecretSpec['Driver']>>({ Name: text, Options: labels });

export const secretSpec = object<SecretSpec>({ Name: text, Labels: labels, Data: text, Driver: driver, Templating: driver });

export const configSpec = object<ConfigSpec>({ Name: text, Labels: labels, Data: text, Templating: driver });

const ipamConfig = object<{ Subnet?: string; IPRange?: string; Gateway?: string; AuxiliaryAddresses?: Readonly<Record<string, string>> }>({
  Subnet: text,
  IPRange: text,
  Gateway: text,
  AuxiliaryAddresses: labels,
});

const networkFields = {
  Name: text,
  Labels: labels,
  Driver: text,
  Options: labels,
  EnableIPv6: flagShape,
  Internal: flagShape,
  Attachable: flagShape,
  Ingress: flagShape,
  IPAM: object<NonNullable<NetworkSpec['IPAM']>>({ Driver: text, Options: labels, Config: list(ipamConfig) }),
};

const networkSpec = object<NetworkSpec>(networkFields);

/** Body of `POST /networks/create`: the spec, flat, and what decides whose network it is. */
export interface NetworkCreateRequest extends NetworkSpec {
  Scope?: string;
  ConfigOnly?: boolean;
}

export const networkCreateRequest = object<NetworkCreateRequest>({ ...networkFields, Scope: text, ConfigOnly: flagShape });

export const nodeSpec = object<NodeSpec>({
  Name: text,
  Labels: labels,
  Role: word('Role', 'worker', 'manager'),
  Availability: word('Availability', 'active', 'pause', 'drain'),
});

export const clusterSpec = object<ClusterSpec>({
  Name: text,
  Labels: labels,
  Orchestration: object<ClusterSpec['Orchestration']>({ TaskHistoryRetentionLimit: integer }),
  Raft: object<ClusterSpec['Raft']>({
    SnapshotInterval: count,
    KeepOldSnapshots: count,
    LogEntriesForSlowFollowers: count,
    ElectionTick: integer,
    HeartbeatTick: integer,
  }),
  Dispatcher: object<ClusterSpec['Dispatcher']>({ HeartbeatPeriod: integer }),
  CAConfig: object<ClusterSpec['CAConfig']>({ NodeCertExpiry: integer }),
  TaskDefaults: object<ClusterSpec['TaskDefaults']>({ LogDriver: logDriver }),
  EncryptionConfig: object<ClusterSpec['EncryptionConfig']>({ AutoLockManagers: flagShape }),
});

export const initRequest = object<InitRequest>({
  ListenAddr: text,
  AdvertiseAddr: text,
  DataPathAddr: text,
  DataPathPort: count,
  ForceNewCluster: flagShape,
  AutoLockManagers: flagShape,
  Availability: word('Availability', 'active', 'pause', 'drain'),
  DefaultAddrPool: list(text),
  SubnetSize: count,
  Spec: (value, path) => clusterSpec(value, path),
});

const names = list(text);

const stackSpec = object<StackSpec>({
  Name: text,
  Networks: list(networkSpec),
  Secrets: list(secretSpec),
  Configs: list(configSpec),
  Services: list(serviceSpec),
  External: object<StackSpec['External']>({ Networks: names, Secrets: names, Configs: names }),
});

/** Body of `POST /shoal/v1/stacks/{name}`. */
export interface StackDeployRequest {
  Spec?: StackSpec;
  Prune?: boolean;
  /** Over the stack of a repository, which reverts it. */
  Force?: boolean;
  /** Image reference → X-Registry-Auth text. */
  RegistryAuth?: Readonly<Record<string, string>>;
}

export const stackDeployRequest = object<StackDeployRequest>({ Spec: stackSpec, Prune: flagShape, Force: flagShape, RegistryAuth: labels });

export const stackAdoptRequest = object<{ Repository?: string }>({ Repository: text });

export const repositoryConfirmRequest = object<{ Commit?: string }>({ Commit: text });

const credentials = object<RepositoryCredentials>({ Username: text, Password: text, SSHKey: text, KnownHosts: text, CA: text });

export const repositorySpec = object<RepositorySpec>({ Name: text, URL: text, Branch: text, Path: text, Interval: integer, Credentials: credentials });

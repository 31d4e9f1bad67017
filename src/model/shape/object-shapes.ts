/** The shapes of the other specs: secrets, configs, networks, nodes, the cluster, stacks, repositories. */
import type { ClusterSpec, ExternalCa } from '../object/cluster.ts';
import type { NetworkSpec } from '../object/network.ts';
import type { NodeSpec } from '../object/node.ts';
import type { RepositoryCredentials, RepositorySpec, VaultPlace } from '../object/repository.ts';
import type { ConfigSpec, SecretSpec } from '../object/secret.ts';
import type { StackSpec } from '../object/stack.ts';
import { logDriver, serviceSpec } from './service-shape.ts';
import { base64, flag, int64, list, object, record, text, uint64, unbuilt, word } from './shape.ts';

const labels = record(text);
const driver = object<NonNullable<SecretSpec['Driver']>>({ Name: text, Options: labels });
/** Go's templates take none. */
const templating = object<NonNullable<SecretSpec['Templating']>>({ Name: text, Options: unbuilt('templates have no options') });

export const secretSpec = object<SecretSpec>({ Name: text, Labels: labels, Data: base64, Driver: driver, Templating: templating });

export const configSpec = object<ConfigSpec>({ Name: text, Labels: labels, Data: base64, Templating: templating });

const ipamConfig = object<{ Subnet?: string; IPRange?: string; Gateway?: string; AuxiliaryAddresses?: Readonly<Record<string, string>> }>({
  Subnet: text,
  IPRange: text,
  Gateway: text,
  AuxiliaryAddresses: labels,
});

export const networkFields = {
  Name: text,
  Labels: labels,
  Driver: text,
  Options: labels,
  EnableIPv6: flag,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  IPAM: object<NonNullable<NetworkSpec['IPAM']>>({ Driver: text, Options: labels, Config: list(ipamConfig) }),
};

export const networkSpec = object<NetworkSpec>(networkFields);

export const nodeSpec = object<NodeSpec>({
  Name: text,
  Labels: labels,
  Role: word('Role', 'worker', 'manager'),
  Availability: word('Availability', 'active', 'pause', 'drain'),
  Shoal: object<NonNullable<NodeSpec['Shoal']>>({ DrainTimeout: int64 }),
});

/** Nothing locks a manager's keys yet: `true` would be a promise. */

export const clusterSpec = object<ClusterSpec>({
  Name: text,
  Labels: labels,
  Orchestration: object<ClusterSpec['Orchestration']>({ TaskHistoryRetentionLimit: int64 }),
  Raft: object<ClusterSpec['Raft']>({
    SnapshotInterval: uint64,
    KeepOldSnapshots: uint64,
    LogEntriesForSlowFollowers: uint64,
    ElectionTick: int64,
    HeartbeatTick: int64,
  }),
  Dispatcher: object<ClusterSpec['Dispatcher']>({ HeartbeatPeriod: int64 }),
  CAConfig: object<ClusterSpec['CAConfig']>({
    NodeCertExpiry: int64,
    ExternalCAs: list(object<ExternalCa>({ Protocol: word('protocol', 'cfssl'), URL: text, Options: labels, CACert: text })),
    SigningCACert: text,
    SigningCAKey: text,
    ForceRotate: uint64,
  }),
  TaskDefaults: object<ClusterSpec['TaskDefaults']>({ LogDriver: logDriver }),
  EncryptionConfig: object<ClusterSpec['EncryptionConfig']>({ AutoLockManagers: flag }),
});

const names = list(text);

export const stackSpec = object<StackSpec>({
  Name: text,
  Networks: list(networkSpec),
  Secrets: list(secretSpec),
  Configs: list(configSpec),
  Services: list(serviceSpec),
  External: object<StackSpec['External']>({ Networks: names, Secrets: names, Configs: names }),
  Versioned: object<NonNullable<StackSpec['Versioned']>>({ Secrets: names, Configs: names }),
  Pinned: unbuilt('values of a vault are pinned by who asked the vault'),
});

export const vaultPlace = object<VaultPlace>({ Address: text, Namespace: text, CA: text, Token: text, RoleID: text, SecretID: text });

export const repositoryCredentials = object<RepositoryCredentials>({ Username: text, Password: text, SSHKey: text, KnownHosts: text, CA: text });

export const repositorySpec = object<RepositorySpec>({
  Name: text,
  URL: text,
  Branch: text,
  Path: text,
  Interval: int64,
  Trust: word('Trust', 'full', 'limited'),
  Allow: list(text),
  Ref: text,
  SemVer: text,
  Environment: text,
  Variables: record(text),
  Signers: text,
  Rewrites: word('Rewrites', 'hold', 'follow'),
  OnFailure: word('OnFailure', 'rollback', 'stay'),
  Freeze: list(text),
  Deadline: int64,
  PruneGrace: int64,
  WebhookSecret: text,
  Vault: vaultPlace,
  Hosted: flag,
  Credentials: repositoryCredentials,
});

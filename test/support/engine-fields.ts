/** The fields that the Engine API (1.47) has for the bodies of the cluster's routes, and the few of later versions that clients send already. A list's items stand in its place. */

export type FieldTree = { readonly [name: string]: FieldTree | true };

const driver: FieldTree = { Name: true, Options: true };
const file: FieldTree = { Name: true, UID: true, GID: true, Mode: true };
const update: FieldTree = { Parallelism: true, Delay: true, FailureAction: true, Monitor: true, MaxFailureRatio: true, Order: true };
const attachment: FieldTree = { Target: true, Aliases: true, DriverOpts: true };
const mount: FieldTree = {
  Type: true,
  Source: true,
  Target: true,
  ReadOnly: true,
  Consistency: true,
  BindOptions: { Propagation: true, NonRecursive: true, CreateMountpoint: true, ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true },
  VolumeOptions: { NoCopy: true, Labels: true, Subpath: true, DriverConfig: driver },
  TmpfsOptions: { SizeBytes: true, Mode: true, Options: true },
  ImageOptions: { Subpath: true },
  ClusterOptions: true,
};
const container: FieldTree = {
  Image: true,
  Labels: true,
  Command: true,
  Args: true,
  Hostname: true,
  Env: true,
  Dir: true,
  User: true,
  Groups: true,
  Privileges: {
    CredentialSpec: { Config: true, File: true, Registry: true },
    SELinuxContext: { Disable: true, User: true, Role: true, Type: true, Level: true },
    Seccomp: { Mode: true, Profile: true },
    AppArmor: { Mode: true },
    NoNewPrivileges: true,
  },
  Init: true,
  StopSignal: true,
  TTY: true,
  OpenStdin: true,
  ReadOnly: true,
  Mounts: mount,
  StopGracePeriod: true,
  Healthcheck: { Test: true, Interval: true, Timeout: true, StartPeriod: true, StartInterval: true, Retries: true },
  Hosts: true,
  DNSConfig: { Nameservers: true, Search: true, Options: true },
  Secrets: { File: file, SecretID: true, SecretName: true },
  Configs: { File: file, Runtime: true, ConfigID: true, ConfigName: true },
  Isolation: true,
  Sysctls: true,
  CapabilityAdd: true,
  CapabilityDrop: true,
  Ulimits: { Name: true, Soft: true, Hard: true },
  OomScoreAdj: true,
};
const service: FieldTree = {
  Name: true,
  Labels: true,
  TaskTemplate: {
    ContainerSpec: container,
    PluginSpec: true,
    NetworkAttachmentSpec: true,
    Resources: {
      Limits: { NanoCPUs: true, MemoryBytes: true, Pids: true },
      Reservations: {
        NanoCPUs: true,
        MemoryBytes: true,
        GenericResources: { NamedResourceSpec: { Kind: true, Value: true }, DiscreteResourceSpec: { Kind: true, Value: true } },
      },
    },
    RestartPolicy: { Condition: true, Delay: true, MaxAttempts: true, Window: true },
    Placement: { Constraints: true, Preferences: { Spread: { SpreadDescriptor: true } }, MaxReplicas: true, Platforms: { Architecture: true, OS: true } },
    Networks: attachment,
    LogDriver: driver,
    ForceUpdate: true,
    Runtime: true,
  },
  Mode: { Replicated: { Replicas: true }, Global: true, ReplicatedJob: { MaxConcurrent: true, TotalCompletions: true }, GlobalJob: true },
  UpdateConfig: update,
  RollbackConfig: update,
  Networks: attachment,
  EndpointSpec: { Mode: true, Ports: { Name: true, Protocol: true, TargetPort: true, PublishedPort: true, PublishMode: true } },
};
const swarm: FieldTree = {
  Name: true,
  Labels: true,
  Orchestration: { TaskHistoryRetentionLimit: true },
  Raft: { SnapshotInterval: true, KeepOldSnapshots: true, LogEntriesForSlowFollowers: true, ElectionTick: true, HeartbeatTick: true },
  Dispatcher: { HeartbeatPeriod: true },
  CAConfig: { NodeCertExpiry: true, ExternalCAs: true, SigningCACert: true, SigningCAKey: true, ForceRotate: true },
  EncryptionConfig: { AutoLockManagers: true },
  TaskDefaults: { LogDriver: driver },
};

export const engineFields: Readonly<Record<string, FieldTree>> = {
  ServiceSpec: service,
  SecretSpec: { Name: true, Labels: true, Data: true, Driver: driver, Templating: driver },
  ConfigSpec: { Name: true, Labels: true, Data: true, Templating: driver },
  NodeSpec: { Name: true, Labels: true, Role: true, Availability: true },
  ClusterSpec: swarm,
  InitRequest: {
    ListenAddr: true,
    AdvertiseAddr: true,
    DataPathAddr: true,
    DataPathPort: true,
    DefaultAddrPool: true,
    SubnetSize: true,
    ForceNewCluster: true,
    AutoLockManagers: true,
    Availability: true,
    Spec: swarm,
  },
  NetworkCreateRequest: {
    Name: true,
    Driver: true,
    Scope: true,
    EnableIPv6: true,
    IPAM: { Driver: true, Options: true, Config: { Subnet: true, IPRange: true, Gateway: true, AuxiliaryAddresses: true } },
    Internal: true,
    Attachable: true,
    Ingress: true,
    Options: true,
    Labels: true,
  },
  ClusterNetworkRequest: { ConfigOnly: true, ConfigFrom: true },
};

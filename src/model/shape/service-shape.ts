/** The shape of a ServiceSpec: the Engine API's fields with Go's types. */
import type {
  ConfigReference,
  ContainerExtension,
  ContainerSpec,
  DeviceRequest,
  EndpointSpec,
  FileTarget,
  GenericResource,
  Healthcheck,
  LogDriver,
  Mount,
  NetworkAttachmentConfig,
  Placement,
  PortConfig,
  Privileges,
  ResourceLimits,
  Resources,
  RestartPolicy,
  SecretReference,
  ServiceDependency,
  ServiceExtension,
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '../object/service-spec.ts';
import { flag, float32, int64, list, mark, object, record, text, uint16, uint32, uint64, unbuilt, word, type Unbuilt } from './shape.ts';

const texts = list(text);
const labels = record(text);

const update = object<UpdateConfig>({
  Parallelism: uint64,
  Delay: int64,
  FailureAction: text,
  Monitor: int64,
  MaxFailureRatio: float32,
  Order: text,
});

const mode = object<ServiceMode>({
  Replicated: object<NonNullable<ServiceMode['Replicated']>>({ Replicas: uint64 }),
  Global: mark,
  ReplicatedJob: object<NonNullable<ServiceMode['ReplicatedJob']>>({ MaxConcurrent: uint64, TotalCompletions: uint64 }),
  GlobalJob: mark,
});

export const port = object<PortConfig>({
  Name: text,
  Protocol: word('Protocol', 'tcp', 'udp', 'sctp'),
  TargetPort: uint32,
  PublishedPort: uint32,
  PublishMode: word('PublishMode', 'ingress', 'host'),
  Shoal: object<NonNullable<PortConfig['Shoal']>>({ HostIP: text, AppProtocol: text }),
});

const endpoint = object<EndpointSpec>({ Mode: text, Ports: list(port) });

const networkAttachments = list(object<NetworkAttachmentConfig>({ Target: text, Aliases: texts, DriverOpts: labels }));

export const logDriver = object<LogDriver>({ Name: text, Options: labels });

export const genericResource = object<GenericResource>({
  DiscreteResourceSpec: object<NonNullable<GenericResource['DiscreteResourceSpec']>>({ Kind: text, Value: int64 }),
  NamedResourceSpec: object<NonNullable<GenericResource['NamedResourceSpec']>>({ Kind: text, Value: text }),
});

const deviceRequest = object<DeviceRequest>({ Driver: text, Count: int64, DeviceIDs: texts, Capabilities: list(texts), Options: labels });

const resources = object<NonNullable<TaskSpec['Resources']>>({
  Limits: object<ResourceLimits>({ NanoCPUs: int64, MemoryBytes: int64, Pids: int64 }),
  Reservations: object<Resources>({
    NanoCPUs: int64,
    MemoryBytes: int64,
    GenericResources: list(genericResource),
    Shoal: object<NonNullable<Resources['Shoal']>>({ DeviceRequests: list(deviceRequest) }),
  }),
});

const placement = object<Placement>({
  Constraints: texts,
  Preferences: list(object<NonNullable<Placement['Preferences']>[number]>({ Spread: object<{ SpreadDescriptor: string }>({ SpreadDescriptor: text }) })),
  MaxReplicas: uint64,
  Platforms: list(object<{ Architecture?: string; OS?: string }>({ Architecture: text, OS: text })),
});

const mount = object<Mount>({
  Type: word('MountType', 'bind', 'volume', 'tmpfs', 'npipe', 'cluster', 'image'),
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: object<NonNullable<Mount['BindOptions']>>({
    Propagation: word('MountPropagation', 'rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'),
    NonRecursive: flag,
    CreateMountpoint: flag,
    ReadOnlyNonRecursive: flag,
    ReadOnlyForceRecursive: flag,
  }),
  VolumeOptions: object<NonNullable<Mount['VolumeOptions']>>({
    NoCopy: flag,
    Subpath: text,
    Labels: labels,
    DriverConfig: object<LogDriver>({ Name: text, Options: labels }),
  }),
  TmpfsOptions: object<NonNullable<Mount['TmpfsOptions']>>({ SizeBytes: int64, Mode: uint32, Options: list(texts) }),
  ImageOptions: object<NonNullable<Mount['ImageOptions']>>({ Subpath: text }),
  ClusterOptions: mark,
});

const file = object<FileTarget>({ Name: text, UID: text, GID: text, Mode: uint32 });

const privileges = object<Privileges>({
  CredentialSpec: object<NonNullable<Privileges['CredentialSpec']>>({ Config: text, File: text, Registry: text }),
  SELinuxContext: object<NonNullable<Privileges['SELinuxContext']>>({ Disable: flag, User: text, Role: text, Type: text, Level: text }),
  Seccomp: object<NonNullable<Privileges['Seccomp']>>({ Mode: text, Profile: text }),
  AppArmor: object<NonNullable<Privileges['AppArmor']>>({ Mode: text }),
  NoNewPrivileges: flag,
});

const healthcheck = object<Healthcheck>({
  Test: texts,
  Interval: int64,
  Timeout: int64,
  StartPeriod: int64,
  StartInterval: int64,
  Retries: int64,
});

/** HostConfig's words and types. */
const containerExtension = object<ContainerExtension>({
  ShmSize: int64,
  Devices: list(object<NonNullable<ContainerExtension['Devices']>[number]>({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })),
  DeviceCgroupRules: texts,
  Privileged: flag,
  SecurityOpt: texts,
  PidMode: text,
  IpcMode: text,
  UTSMode: text,
  UsernsMode: text,
  CgroupnsMode: text,
  CgroupParent: text,
  Runtime: text,
  MacAddress: text,
  Domainname: text,
  PullPolicy: text,
  Platform: text,
  MemorySwap: int64,
  MemorySwappiness: int64,
  CPUShares: int64,
  CPUQuota: int64,
  CPUPeriod: int64,
  CpusetCpus: text,
  OomKillDisable: flag,
  BlkioWeight: uint16,
  Annotations: labels,
  StorageOpt: labels,
});

const container = object<ContainerSpec>({
  Image: text,
  Labels: labels,
  Command: texts,
  Args: texts,
  Hostname: text,
  Env: texts,
  Dir: text,
  User: text,
  Groups: texts,
  Privileges: privileges,
  Init: flag,
  StopSignal: text,
  TTY: flag,
  OpenStdin: flag,
  ReadOnly: flag,
  Mounts: list(mount),
  StopGracePeriod: int64,
  Healthcheck: healthcheck,
  Hosts: texts,
  DNSConfig: object<NonNullable<ContainerSpec['DNSConfig']>>({ Nameservers: texts, Search: texts, Options: texts }),
  Secrets: list(object<SecretReference>({ SecretID: text, SecretName: text, File: file })),
  Configs: list(object<ConfigReference>({ ConfigID: text, ConfigName: text, File: file, Runtime: mark })),
  Isolation: word('Isolation', 'default', 'process', 'hyperv'),
  Sysctls: labels,
  CapabilityAdd: texts,
  CapabilityDrop: texts,
  Ulimits: list(object<{ Name: string; Soft: number; Hard: number }>({ Name: text, Soft: int64, Hard: int64 })),
  OomScoreAdj: int64,
  Shoal: containerExtension,
});

const task = object<TaskSpec & Unbuilt<'PluginSpec' | 'NetworkAttachmentSpec'>>({
  PluginSpec: unbuilt('tasks are containers'),
  NetworkAttachmentSpec: unbuilt('tasks are containers'),
  ContainerSpec: container,
  Resources: resources,
  RestartPolicy: object<RestartPolicy>({ Condition: text, Delay: int64, MaxAttempts: uint64, Window: int64 }),
  Placement: placement,
  Networks: networkAttachments,
  LogDriver: logDriver,
  ForceUpdate: uint64,
  Runtime: text,
});

const dependency = object<ServiceDependency>({
  Service: text,
  Condition: word('Condition', 'service_started', 'service_healthy', 'service_completed_successfully'),
  Required: flag,
  Restart: flag,
});

export const serviceSpec = object<ServiceSpec>({
  Name: text,
  Labels: labels,
  TaskTemplate: task,
  Mode: mode,
  UpdateConfig: update,
  RollbackConfig: update,
  Networks: networkAttachments,
  EndpointSpec: endpoint,
  Shoal: object<ServiceExtension>({ DependsOn: list(dependency) }),
});

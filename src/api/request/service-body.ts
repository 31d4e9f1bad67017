/** How a ServiceSpec is read from a request: the Engine API's fields with their types. */
import type {
  ConfigReference,
  ContainerSpec,
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
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '#model/service-spec';
import { count, flagShape, integer, list, number, object, raw, record, text, word } from './decoders.ts';

const texts = list(text);
const labels = record(text);

const update = object<UpdateConfig>({
  Parallelism: count,
  Delay: integer,
  FailureAction: text,
  Monitor: integer,
  MaxFailureRatio: number,
  Order: text,
});

const mode = object<ServiceMode>({
  Replicated: object<NonNullable<ServiceMode['Replicated']>>({ Replicas: count }),
  Global: raw(),
  ReplicatedJob: object<NonNullable<ServiceMode['ReplicatedJob']>>({ MaxConcurrent: count, TotalCompletions: count }),
  GlobalJob: raw(),
});

const port = object<PortConfig>({
  Name: text,
  Protocol: word('Protocol', 'tcp', 'udp', 'sctp'),
  TargetPort: count,
  PublishedPort: count,
  PublishMode: word('PublishMode', 'ingress', 'host'),
  Shoal: raw(),
});

const endpoint = object<EndpointSpec>({ Mode: text, Ports: list(port) });

const networkAttachments = list(object<NetworkAttachmentConfig>({ Target: text, Aliases: texts, DriverOpts: labels }));

export const logDriver = object<LogDriver>({ Name: text, Options: labels });

const genericResource = object<GenericResource>({
  DiscreteResourceSpec: object<NonNullable<GenericResource['DiscreteResourceSpec']>>({ Kind: text, Value: integer }),
  NamedResourceSpec: object<NonNullable<GenericResource['NamedResourceSpec']>>({ Kind: text, Value: text }),
});

const resources = object<NonNullable<TaskSpec['Resources']>>({
  Limits: object<ResourceLimits>({ NanoCPUs: integer, MemoryBytes: integer, Pids: integer }),
  Reservations: object<Resources>({ NanoCPUs: integer, MemoryBytes: integer, GenericResources: list(genericResource), Shoal: raw() }),
});

const placement = object<Placement>({
  Constraints: texts,
  Preferences: list(object<NonNullable<Placement['Preferences']>[number]>({ Spread: object<{ SpreadDescriptor: string }>({ SpreadDescriptor: text }) })),
  MaxReplicas: count,
  Platforms: list(object<{ Architecture?: string; OS?: string }>({ Architecture: text, OS: text })),
});

const mount = object<Mount>({
  Type: word('MountType', 'bind', 'volume', 'tmpfs', 'npipe', 'cluster', 'image'),
  Source: text,
  Target: text,
  ReadOnly: flagShape,
  Consistency: text,
  BindOptions: object<NonNullable<Mount['BindOptions']>>({
    Propagation: text,
    NonRecursive: flagShape,
    CreateMountpoint: flagShape,
    ReadOnlyNonRecursive: flagShape,
    ReadOnlyForceRecursive: flagShape,
  }),
  VolumeOptions: object<NonNullable<Mount['VolumeOptions']>>({
    NoCopy: flagShape,
    Subpath: text,
    Labels: labels,
    DriverConfig: object<LogDriver>({ Name: text, Options: labels }),
  }),
  TmpfsOptions: object<NonNullable<Mount['TmpfsOptions']>>({ SizeBytes: integer, Mode: count, Options: list(texts) }),
  ImageOptions: object<NonNullable<Mount['ImageOptions']>>({ Subpath: text }),
  ClusterOptions: raw(),
});

const file = object<FileTarget>({ Name: text, UID: text, GID: text, Mode: count });

const privileges = object<Privileges>({
  CredentialSpec: raw(),
  SELinuxContext: raw(),
  Seccomp: object<NonNullable<Privileges['Seccomp']>>({ Mode: text, Profile: text }),
  AppArmor: object<NonNullable<Privileges['AppArmor']>>({ Mode: text }),
  NoNewPrivileges: flagShape,
});

const healthcheck = object<Healthcheck>({
  Test: texts,
  Interval: integer,
  Timeout: integer,
  StartPeriod: integer,
  StartInterval: integer,
  Retries: integer,
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
  Init: flagShape,
  StopSignal: text,
  TTY: flagShape,
  OpenStdin: flagShape,
  ReadOnly: flagShape,
  Mounts: list(mount),
  StopGracePeriod: integer,
  Healthcheck: healthcheck,
  Hosts: texts,
  DNSConfig: object<NonNullable<ContainerSpec['DNSConfig']>>({ Nameservers: texts, Search: texts, Options: texts }),
  Secrets: list(object<SecretReference>({ SecretID: text, SecretName: text, File: file })),
  Configs: list(object<ConfigReference>({ ConfigID: text, ConfigName: text, File: file, Runtime: raw() })),
  Isolation: text,
  Sysctls: labels,
  CapabilityAdd: texts,
  CapabilityDrop: texts,
  Ulimits: list(object<{ Name: string; Soft: number; Hard: number }>({ Name: text, Soft: integer, Hard: integer })),
  OomScoreAdj: integer,
  Shoal: raw(),
});

const task = object<TaskSpec>({
  ContainerSpec: container,
  Resources: resources,
  RestartPolicy: object<RestartPolicy>({ Condition: text, Delay: integer, MaxAttempts: count, Window: integer }),
  Placement: placement,
  Networks: networkAttachments,
  LogDriver: logDriver,
  ForceUpdate: count,
  Runtime: text,
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
  Shoal: raw(),
});

/** ServiceSpec and its parts: the Engine API's JSON (version 1.47), durations in nanoseconds, sizes in bytes, CPU in 1e-9 cores. */
import type { Labels } from './meta.ts';

export interface ServiceSpec {
  Name: string;
  Labels?: Labels;
  TaskTemplate: TaskSpec;
  Mode?: ServiceMode;
  UpdateConfig?: UpdateConfig;
  RollbackConfig?: UpdateConfig;
  /** Deprecated place of TaskTemplate.Networks; accepted on create. */
  Networks?: readonly NetworkAttachmentConfig[];
  EndpointSpec?: EndpointSpec;
  Shoal?: ServiceExtension;
}

/** What Docker has no word for. */
export interface ServiceExtension {
  /** Order between the services of one stack. */
  DependsOn?: readonly ServiceDependency[];
}

export interface ServiceDependency {
  /** Full service name. */
  Service: string;
  Condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  Required?: boolean;
  Restart?: boolean;
}

export interface ServiceMode {
  Replicated?: { Replicas?: number };
  Global?: Record<string, never>;
  ReplicatedJob?: { MaxConcurrent?: number; TotalCompletions?: number };
  GlobalJob?: Record<string, never>;
}

export interface UpdateConfig {
  /** 0: all at once. */
  Parallelism?: number;
  Delay?: number;
  FailureAction?: string;
  Monitor?: number;
  MaxFailureRatio?: number;
  Order?: string;
}

export interface EndpointSpec {
  Mode?: string;
  Ports?: readonly PortConfig[];
}

export interface PortConfig {
  Name?: string;
  Protocol?: 'tcp' | 'udp' | 'sctp';
  TargetPort?: number;
  PublishedPort?: number;
  PublishMode?: 'ingress' | 'host';
  Shoal?: { HostIP?: string; AppProtocol?: string };
}

export interface TaskSpec {
  ContainerSpec?: ContainerSpec;
  Resources?: { Limits?: ResourceLimits; Reservations?: Resources };
  RestartPolicy?: RestartPolicy;
  Placement?: Placement;
  Networks?: readonly NetworkAttachmentConfig[];
  LogDriver?: LogDriver;
  ForceUpdate?: number;
  Runtime?: string;
}

export interface LogDriver {
  Name?: string;
  Options?: Readonly<Record<string, string>>;
}

export interface Resources {
  NanoCPUs?: number;
  MemoryBytes?: number;
  GenericResources?: readonly GenericResource[];
  /** Engine device requests (GPUs); Docker has no word for them in services. */
  Shoal?: { DeviceRequests?: readonly DeviceRequest[] };
}

export interface ResourceLimits {
  NanoCPUs?: number;
  MemoryBytes?: number;
  Pids?: number;
}

export interface GenericResource {
  DiscreteResourceSpec?: { Kind: string; Value: number };
  NamedResourceSpec?: { Kind: string; Value: string };
}

/** HostConfig.DeviceRequests of the Engine API. */
export interface DeviceRequest {
  Driver?: string;
  Count?: number;
  DeviceIDs?: readonly string[];
  Capabilities?: readonly (readonly string[])[];
  Options?: Readonly<Record<string, string>>;
}

export interface RestartPolicy {
  Condition?: string;
  Delay?: number;
  MaxAttempts?: number;
  Window?: number;
}

export interface Placement {
  Constraints?: readonly string[];
  Preferences?: readonly { Spread?: { SpreadDescriptor: string } }[];
  MaxReplicas?: number;
  Platforms?: readonly { Architecture?: string; OS?: string }[];
}

export interface NetworkAttachmentConfig {
  /** Network id; a name is accepted on the way in and resolved by `control`. */
  Target?: string;
  Aliases?: readonly string[];
  DriverOpts?: Readonly<Record<string, string>>;
}

export interface ContainerSpec {
  Image?: string;
  Labels?: Labels;
  Command?: readonly string[];
  Args?: readonly string[];
  Hostname?: string;
  Env?: readonly string[];
  Dir?: string;
  User?: string;
  Groups?: readonly string[];
  Privileges?: Privileges;
  Init?: boolean;
  StopSignal?: string;
  TTY?: boolean;
  OpenStdin?: boolean;
  ReadOnly?: boolean;
  Mounts?: readonly Mount[];
  StopGracePeriod?: number;
  Healthcheck?: Healthcheck;
  Hosts?: readonly string[];
  DNSConfig?: { Nameservers?: readonly string[]; Search?: readonly string[]; Options?: readonly string[] };
  Secrets?: readonly SecretReference[];
  Configs?: readonly ConfigReference[];
  Isolation?: string;
  Sysctls?: Readonly<Record<string, string>>;
  CapabilityAdd?: readonly string[];
  CapabilityDrop?: readonly string[];
  Ulimits?: readonly { Name: string; Soft: number; Hard: number }[];
  OomScoreAdj?: number;
  Shoal?: ContainerExtension;
}

/** Container settings that Swarm lacks and the engine has (HostConfig's words). */
export interface ContainerExtension {
  ShmSize?: number;
  Devices?: readonly { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[];
  DeviceCgroupRules?: readonly string[];
  Privileged?: boolean;
  SecurityOpt?: readonly string[];
  PidMode?: string;
  IpcMode?: string;
  UTSMode?: string;
  UsernsMode?: string;
  CgroupnsMode?: string;
  CgroupParent?: string;
  Runtime?: string;
  MacAddress?: string;
  Domainname?: string;
  /** always | missing | never; absent: pull unless the reference is present by digest, and go on with a local image when the registry fails. */
  PullPolicy?: string;
  /** os[/arch[/variant]] */
  Platform?: string;
  MemorySwap?: number;
  MemorySwappiness?: number;
  CPUShares?: number;
  CPUQuota?: number;
  CPUPeriod?: number;
  CpusetCpus?: string;
  OomKillDisable?: boolean;
  BlkioWeight?: number;
  Annotations?: Readonly<Record<string, string>>;
  StorageOpt?: Readonly<Record<string, string>>;
}

export interface Privileges {
  CredentialSpec?: { Config?: string; File?: string; Registry?: string } | null;
  SELinuxContext?: { Disable?: boolean; User?: string; Role?: string; Type?: string; Level?: string } | null;
  Seccomp?: { Mode?: string; Profile?: string };
  AppArmor?: { Mode?: string };
  NoNewPrivileges?: boolean;
}

export interface Healthcheck {
  Test?: readonly string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface Mount {
  Type?: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image';
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Subpath?: string;
    Labels?: Labels;
    DriverConfig?: { Name?: string; Options?: Readonly<Record<string, string>> };
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: readonly (readonly string[])[] };
  ImageOptions?: { Subpath?: string };
  ClusterOptions?: Record<string, never>;
}

export interface FileTarget {
  Name: string;
  UID: string;
  GID: string;
  /** Permission bits, decimal in JSON: 292 is 0444. */
  Mode: number;
}

export interface SecretReference {
  /** Absent on the way in when only the name is known; `control` resolves it. */
  SecretID?: string;
  SecretName: string;
  File?: FileTarget;
}

export interface ConfigReference {
  ConfigID?: string;
  ConfigName: string;
  File?: FileTarget;
  Runtime?: Record<string, never>;
}

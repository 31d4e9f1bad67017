/**
 * The canonical model of a stack file: short forms expanded, numbers and durations read, env files folded in.
 * Keys are the file's own words. Durations are nanoseconds, sizes bytes. A key that is absent was not given;
 * what only host-bound engines use stays in `hostOnly`, as written.
 */
import type { Value } from './value.ts';

export interface Project {
  version: string;
  name?: string;
  services: Record<string, ServiceModel>;
  networks: Record<string, NetworkModel>;
  volumes: Record<string, VolumeModel>;
  secrets: Record<string, FileModel>;
  configs: Record<string, FileModel>;
  extras: Record<string, Value>;
}

/** null: the variable is named without a value. */
export type Environment = Record<string, string | null>;
export type Strings = Record<string, string>;

export interface ServiceModel {
  build?: BuildModel;
  cap_add?: readonly string[];
  cap_drop?: readonly string[];
  cgroupns_mode?: string;
  cgroup_parent?: string;
  command?: readonly string[];
  configs?: readonly FileReferenceModel[];
  container_name?: string;
  credential_spec?: { config?: string; file?: string; registry?: string };
  depends_on?: readonly string[];
  deploy?: DeployModel;
  devices?: readonly string[];
  dns?: readonly string[];
  dns_search?: readonly string[];
  domainname?: string;
  entrypoint?: readonly string[];
  environment?: Environment;
  env_file?: readonly string[];
  expose?: readonly string[];
  external_links?: readonly string[];
  extra_hosts?: readonly string[];
  healthcheck?: HealthcheckModel;
  hostname?: string;
  image?: string;
  init?: boolean;
  ipc?: string;
  isolation?: string;
  labels?: Strings;
  links?: readonly string[];
  logging?: LoggingModel;
  mac_address?: string;
  network_mode?: string;
  /** null: attached without options. */
  networks?: Record<string, AttachmentModel | null>;
  pid?: string;
  ports?: readonly PortModel[];
  privileged?: boolean;
  read_only?: boolean;
  restart?: string;
  secrets?: readonly FileReferenceModel[];
  security_opt?: readonly string[];
  shm_size?: string;
  stdin_open?: boolean;
  stop_grace_period?: number;
  stop_signal?: string;
  sysctls?: Strings;
  tmpfs?: readonly string[];
  tty?: boolean;
  ulimits?: Record<string, UlimitModel>;
  user?: string;
  userns_mode?: string;
  volumes?: readonly MountModel[];
  working_dir?: string;
  extras?: Record<string, Value>;
  /** Keys that only the Compose Specification has, not version 3; already in the engine's words. */
  specOnly?: SpecOnlyModel;
}

export interface BuildModel {
  context?: string;
  dockerfile?: string;
  args?: Environment;
  labels?: Strings;
  cache_from?: readonly string[];
  extra_hosts?: readonly string[];
  network?: string;
  target?: string;
}

export interface FileReferenceModel {
  source?: string;
  target?: string;
  uid?: string;
  gid?: string;
  mode?: number;
}

export interface AttachmentModel {
  aliases?: readonly string[];
  ipv4_address?: string;
  ipv6_address?: string;
  driver_opts?: Strings;
}

export interface PortModel {
  mode?: string;
  target?: number;
  published?: number;
  protocol?: string;
  /** Beyond version 3. */
  name?: string;
  host_ip?: string;
  app_protocol?: string;
  /** `x-shoal`, as written. */
  options?: Value;
}

export interface MountModel {
  type?: string;
  source?: string;
  target?: string;
  read_only?: boolean;
  consistency?: string;
  bind?: { propagation?: string; create_host_path?: boolean; recursive?: string };
  volume?: { nocopy?: boolean; subpath?: string; labels?: Strings };
  tmpfs?: { size?: number; mode?: number };
  cluster?: Record<string, never>;
  image?: { subpath?: string };
}

export interface UlimitModel {
  single?: number;
  soft?: number;
  hard?: number;
}

export interface LoggingModel {
  driver?: string;
  options?: Strings;
}

export interface HealthcheckModel {
  test?: readonly string[];
  timeout?: number;
  interval?: number;
  retries?: number;
  start_period?: number;
  start_interval?: number;
  disable?: boolean;
}

export interface DeployModel {
  mode?: string;
  replicas?: number;
  labels?: Strings;
  update_config?: UpdateModel;
  rollback_config?: UpdateModel;
  resources?: {
    limits?: { cpus?: string; memory?: number; pids?: number };
    reservations?: {
      cpus?: string;
      memory?: number;
      generic_resources?: readonly { discrete_resource_spec?: { kind?: string; value?: number } }[];
      /** Beyond version 3. */
      devices?: readonly DeviceModel[];
    };
  };
  restart_policy?: { condition?: string; delay?: number; max_attempts?: number; window?: number };
  placement?: { constraints?: readonly string[]; preferences?: readonly { spread?: string }[]; max_replicas_per_node?: number };
  endpoint_mode?: string;
}

export interface DeviceModel {
  driver?: string;
  count?: number;
  device_ids?: readonly string[];
  capabilities?: readonly string[];
  options?: Strings;
}

export interface UpdateModel {
  parallelism?: number;
  delay?: number;
  failure_action?: string;
  monitor?: number;
  max_failure_ratio?: number;
  order?: string;
}

export interface NetworkModel {
  name?: string;
  driver?: string;
  driver_opts?: Strings;
  ipam?: { driver?: string; config?: readonly IpamModel[]; options?: Strings };
  external?: boolean;
  internal?: boolean;
  attachable?: boolean;
  labels?: Strings;
  enable_ipv6?: boolean;
  extras?: Record<string, Value>;
}

export interface IpamModel {
  subnet?: string;
  ip_range?: string;
  gateway?: string;
  aux_addresses?: Strings;
}

export interface VolumeModel {
  name?: string;
  driver?: string;
  driver_opts?: Strings;
  external?: boolean;
  labels?: Strings;
  'x-cluster-spec'?: Value;
  extras?: Record<string, Value>;
}

export interface FileModel {
  name?: string;
  /** Absolute. */
  file?: string;
  /** Bytes given in the file itself or by a variable: beyond version 3. */
  content?: string;
  environment?: string;
  external?: boolean;
  labels?: Strings;
  driver?: string;
  driver_opts?: Strings;
  template_driver?: string;
  extras?: Record<string, Value>;
}

/** Service keys that version 3 lacks and clusters of ours honour. */
export interface SpecOnlyModel {
  annotations?: Strings;
  blkio_weight?: number;
  cgroup?: string;
  cpu_period?: number;
  cpu_quota?: number;
  cpu_shares?: number;
  cpuset?: string;
  depends_on?: Record<string, { condition?: string; required?: boolean; restart?: boolean }>;
  device_cgroup_rules?: readonly string[];
  dns_opt?: readonly string[];
  gpus?: readonly DeviceModel[];
  group_add?: readonly string[];
  mem_swappiness?: number;
  memswap_limit?: number;
  oom_kill_disable?: boolean;
  oom_score_adj?: number;
  platform?: string;
  pull_policy?: string;
  runtime?: string;
  shm_size?: number;
  storage_opt?: Strings;
  uts?: string;
}

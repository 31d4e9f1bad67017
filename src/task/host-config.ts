/** HostConfig of a task's container, but for its networks, mounts and ports: a pure translation. */
import type { ContainerExtension, ContainerSpec, Privileges, TaskSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';

export function hostConfig(task: Task): Readonly<Record<string, unknown>> {
  const spec = task.Spec.ContainerSpec ?? {};
  return {
    GroupAdd: spec.Groups,
    Init: spec.Init,
    ReadonlyRootfs: spec.ReadOnly,
    ExtraHosts: extraHosts(spec.Hosts),
    Isolation: spec.Isolation || 'default',
    Sysctls: spec.Sysctls,
    CapAdd: spec.CapabilityAdd,
    CapDrop: spec.CapabilityDrop,
    Ulimits: spec.Ulimits ?? [],
    OomScoreAdj: spec.OomScoreAdj,
    ...resources(task.Spec),
    ...logging(task),
    ...extension(spec.Shoal ?? {}),
    SecurityOpt: securityOptions(spec),
  };
}

/** `IP name …` of /etc/hosts as the engine's `name:IP`. */
function extraHosts(hosts: readonly string[] | undefined): readonly string[] | undefined {
  return hosts?.flatMap((line) => {
    const [address = '', ...names] = line.trim().split(/\s+/);
    return names.map((name) => `${name}:${address}`);
  });
}

function resources(spec: TaskSpec): Readonly<Record<string, unknown>> {
  const { Limits, Reservations } = spec.Resources ?? {};
  // Reserved memory is room on the node, for the scheduler; to the kernel it would be a limit.
  return {
    NanoCpus: Limits?.NanoCPUs,
    Memory: Limits?.MemoryBytes,
    PidsLimit: Limits?.Pids,
    DeviceRequests: Reservations?.Shoal?.DeviceRequests,
  };
}

/** The service's driver, else the cluster's, else the engine's own, which takes options without a driver's name too. */
function logging(task: Task): Readonly<Record<string, unknown>> {
  const driver = task.Spec.LogDriver ?? task.Shoal.LogDriver;
  if (!driver) return {};
  return { LogConfig: { Type: driver.Name ?? '', Config: driver.Options ?? {} } };
}

/** Every field by name: one that is added to ContainerExtension and forgotten here does not compile. */
function extension(shoal: ContainerExtension): Readonly<Record<string, unknown>> {
  const { ShmSize, Devices, DeviceCgroupRules, Privileged, PidMode, IpcMode, UTSMode, UsernsMode, CgroupnsMode, CgroupParent, Runtime, ...second } = shoal;
  const { MemorySwap, MemorySwappiness, CPUShares, CPUQuota, CPUPeriod, CpusetCpus, OomKillDisable, BlkioWeight, Annotations, StorageOpt, ...third } = second;
  // The pull step, the request itself, the first endpoint and securityOptions have these.
  const { PullPolicy: _pull, Platform: _platform, Domainname: _domain, MacAddress: _mac, SecurityOpt: _security, ...none } = third;
  none satisfies Record<string, never>;
  return {
    ShmSize,
    Devices,
    DeviceCgroupRules,
    Privileged,
    PidMode,
    IpcMode,
    UTSMode,
    UsernsMode,
    CgroupnsMode,
    CgroupParent,
    Runtime,
    MemorySwap,
    MemorySwappiness,
    CpuShares: CPUShares,
    CpuQuota: CPUQuota,
    CpuPeriod: CPUPeriod,
    CpusetCpus,
    OomKillDisable,
    BlkioWeight,
    Annotations,
    StorageOpt,
  };
}

function securityOptions(spec: ContainerSpec): readonly string[] | undefined {
  const options = [...(spec.Shoal?.SecurityOpt ?? []), ...privilegeOptions(spec.Privileges ?? {})];
  return options.length > 0 ? options : undefined;
}

function privilegeOptions(privileges: Privileges): readonly string[] {
  const { CredentialSpec, SELinuxContext, Seccomp, AppArmor, NoNewPrivileges, ...none } = privileges;
  none satisfies Record<string, never>;
  const options: string[] = [];
  if (CredentialSpec?.File) options.push(`credentialspec=file://${CredentialSpec.File}`);
  if (CredentialSpec?.Registry) options.push(`credentialspec=registry://${CredentialSpec.Registry}`);
  if (SELinuxContext?.Disable) options.push('label=disable');
  for (const key of ['User', 'Role', 'Type', 'Level'] as const) {
    if (SELinuxContext?.[key]) options.push(`label=${key.toLowerCase()}:${SELinuxContext[key]}`);
  }
  if (Seccomp?.Mode === 'unconfined') options.push('seccomp=unconfined');
  // The API carries the profile as base64, the engine wants its text.
  if (Seccomp?.Mode === 'custom' && Seccomp.Profile) options.push(`seccomp=${Buffer.from(Seccomp.Profile, 'base64').toString('utf8')}`);
  if (AppArmor?.Mode === 'disabled') options.push('apparmor=unconfined');
  if (NoNewPrivileges) options.push('no-new-privileges=true');
  return options;
}

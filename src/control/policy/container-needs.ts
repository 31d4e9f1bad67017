/** What one service asks of the host beyond a container of its own: every field of a spec that gives power over a node. */
import { capabilityName } from '#model/capability';
import { nodeLocalName } from '#model/object/network';
import { cleanPath, type Need } from '#model/allowance';
import { logNeed } from './log-needs.ts';
import type { ContainerExtension, ContainerSpec, DeviceRequest, Privileges, ServiceSpec, TaskSpec } from '#model/object/service-spec';

/** A need, and the field that has it. */
export interface FieldNeed {
  need: Need;
  /** For people: `bind mount of /etc`. */
  what: string;
}

/** The field has no harm in it, or harms no more than the container itself. */
type Harmless = () => readonly FieldNeed[];
const harmless: Harmless = () => [];

type Rules<T> = { readonly [K in keyof T]-?: (value: NonNullable<T[K]>) => readonly FieldNeed[] };

function asks(word: Need['word'], value: string, what: string): FieldNeed {
  return { need: { word, value }, what };
}

/** What Docker gives every container. */
const usualCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** Settings of the kernel that each container has for itself. */
const ownSysctl = /^(net\.|fs\.mqueue\.|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname)$)/;

/** A namespace that is not the container's own. */
function namespaceNeed(name: string, mode: string): readonly FieldNeed[] {
  const shared = mode === 'host' || mode.startsWith('container:') || mode.startsWith('ns:');
  return shared ? [asks('host', name, `${name} namespace ${mode}`)] : [];
}

const extensionRules: Rules<ContainerExtension> = {
  ShmSize: harmless,
  Devices: (devices) =>
    devices.map(({ PathOnHost }) => asks('devices', PathOnHost.startsWith('/') ? cleanPath(PathOnHost) : PathOnHost, `device ${PathOnHost}`)),
  DeviceCgroupRules: (rules) => rules.map((rule) => asks('devices', '*', `device rule ${rule}`)),
  Privileged: (privileged) => (privileged ? [asks('privileged', '', 'a privileged container')] : []),
  SecurityOpt: (options) =>
    options.filter((option) => !/^no-new-privileges(?::true|=true)?$/.test(option)).map((option) => asks('unconfined', '', `security option ${option}`)),
  PidMode: (mode) => namespaceNeed('pid', mode),
  IpcMode: (mode) => namespaceNeed('ipc', mode),
  UTSMode: (mode) => namespaceNeed('uts', mode),
  UsernsMode: (mode) => namespaceNeed('userns', mode),
  CgroupnsMode: (mode) => namespaceNeed('cgroup', mode),
  CgroupParent: (parent) => [asks('runtime', 'cgroup-parent', `cgroup parent ${parent}`)],
  Runtime: (runtime) => [asks('runtime', runtime, `runtime ${runtime}`)],
  MacAddress: harmless,
  Domainname: harmless,
  PullPolicy: harmless,
  Platform: harmless,
  MemorySwap: harmless,
  MemorySwappiness: harmless,
  CPUShares: harmless,
  CPUQuota: harmless,
  CPUPeriod: harmless,
  CpusetCpus: harmless,
  OomKillDisable: (disable) => (disable ? [asks('limits', 'oom', 'a container that the kernel may not kill for memory')] : []),
  BlkioWeight: harmless,
  Annotations: (annotations) => Object.keys(annotations).map((key) => asks('runtime', 'annotations', `annotation ${key}`)),
  StorageOpt: harmless,
};

const privilegeRules: Rules<Privileges> = {
  CredentialSpec: (credential) => (credential.File || credential.Registry ? [asks('unconfined', '', 'a credential spec of the host')] : []),
  SELinuxContext: (context) => (Object.values(context).some(Boolean) ? [asks('unconfined', '', 'an SELinux context of its own')] : []),
  Seccomp: (seccomp) => (seccomp.Mode && seccomp.Mode !== 'default' ? [asks('unconfined', '', `seccomp ${seccomp.Mode}`)] : []),
  AppArmor: (armor) => (armor.Mode && armor.Mode !== 'default' ? [asks('unconfined', '', `AppArmor ${armor.Mode}`)] : []),
  NoNewPrivileges: harmless,
};

/** Mounts, secrets and configs are looked at with the stack (`stack-needs`). */
const containerRules: Rules<ContainerSpec> = {
  Image: harmless,
  Labels: harmless,
  Command: harmless,
  Args: harmless,
  Hostname: harmless,
  Env: harmless,
  Dir: harmless,
  User: harmless,
  Groups: harmless,
  Privileges: (privileges) => needsBy(privilegeRules, privileges),
  Init: harmless,
  StopSignal: harmless,
  TTY: harmless,
  OpenStdin: harmless,
  ReadOnly: harmless,
  Mounts: harmless,
  StopGracePeriod: harmless,
  Healthcheck: harmless,
  Hosts: harmless,
  DNSConfig: harmless,
  Secrets: harmless,
  Configs: harmless,
  Isolation: harmless,
  Sysctls: (sysctls) =>
    Object.keys(sysctls)
      .filter((name) => !ownSysctl.test(name))
      .map((name) => asks('sysctls', name, `kernel setting ${name}`)),
  CapabilityAdd: (names) =>
    names
      .map((name) => capabilityName(name).replace(/^CAP_/, ''))
      .filter((name) => !usualCapabilities.has(name))
      .map((name) => asks('capabilities', name, `capability ${name}`)),
  CapabilityDrop: harmless,
  Ulimits: (limits) => limits.filter(({ Name }) => Name === 'rtprio' || Name === 'nice').map(({ Name }) => asks('limits', Name, `limit ${Name}`)),
  OomScoreAdj: (score) => (score < 0 ? [asks('limits', 'oom', `OOM score ${score}`)] : []),
  Shoal: (extension) => needsBy(extensionRules, extension),
};

/** Other drivers, CDI's above all, bring any device of the host, with mounts and programs. */
function isGraphics({ Driver = '', Capabilities = [] }: DeviceRequest): boolean {
  return (Driver === '' || Driver === 'nvidia') && Capabilities.every((set) => set.includes('gpu'));
}

const taskRules: Rules<TaskSpec> = {
  ContainerSpec: (container) => needsBy(containerRules, container),
  Resources: ({ Reservations }) =>
    (Reservations?.Shoal?.DeviceRequests ?? []).map((request) => asks('devices', isGraphics(request) ? 'gpus' : '*', 'devices of the host by request')),
  RestartPolicy: harmless,
  Placement: harmless,
  Networks: (networks) => networks.flatMap(({ Target = '' }) => networkNeed(Target)),
  LogDriver: (driver) => {
    const what = logNeed(driver);
    return what === undefined ? [] : [asks('logging', driver.Name ?? '', what)];
  },
  ForceUpdate: harmless,
  Runtime: (runtime) => (runtime === '' || runtime === 'container' ? [] : [asks('runtime', runtime, `tasks of runtime ${runtime}`)]),
};

/** The node's own networks; those of the cluster are looked at with the stack. */
function networkNeed(target: string): readonly FieldNeed[] {
  const local = nodeLocalName(target);
  if (local === 'host' || target.startsWith('container:')) return [asks('host', 'network', `network ${target}`)];
  return local !== undefined && local !== 'none' ? [asks('external', local, `network ${target} of the node`)] : [];
}

const serviceRules: Rules<ServiceSpec> = {
  Name: harmless,
  Labels: harmless,
  TaskTemplate: (task) => needsBy(taskRules, task),
  Mode: harmless,
  UpdateConfig: harmless,
  Networks: (networks) => networks.flatMap(({ Target = '' }) => networkNeed(Target)),
  RollbackConfig: harmless,
  EndpointSpec: harmless,
  Shoal: harmless,
};

export function serviceNeeds(spec: ServiceSpec): readonly FieldNeed[] {
  return needsBy(serviceRules, spec);
}

/** A member that the table does not know is one that the compiler has not seen: it is not let through. */
function needsBy<T extends object>(rules: Rules<T>, value: T): readonly FieldNeed[] {
  return Object.entries(value).flatMap(([key, member]) => {
    if (member === undefined || member === null) return [];
    const rule = (rules as Readonly<Record<string, (value: unknown) => readonly FieldNeed[]>>)[key];
    return rule ? rule(member) : [asks('privileged', '', `the unknown setting ${key}`)];
  });
}

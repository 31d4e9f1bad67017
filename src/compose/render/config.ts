/** `stack config`: the merged model printed as Docker prints it, long forms throughout. */
import { formatDuration } from '#base/duration';
import { Refusal } from '#base/refusal';
import type { LoadRequest } from '../compose.ts';
import { singlePrecision } from '../convert/service.ts';
import type { DeployModel, FileModel, HealthcheckModel, MountModel, NetworkModel, Project, ServiceModel, UlimitModel, UpdateModel, VolumeModel } from '../project.ts';
import { loadStrictProject } from '../strict/load.ts';
import type { StrictOptions } from '../strict/load.ts';
import type { Notice } from '../strict/notices.ts';
import { Float } from '../value.ts';
import type { Value } from '../value.ts';
import { clusterSpec } from './cluster-spec.ts';
import { Ordered, emitYaml, naturalOrder } from './emit.ts';
import type { Printable } from './emit.ts';

type Field = readonly [key: string, value: Printable | undefined];

/** Text for stdout, or the text of the failure for stderr before exit 1. */
export type ConfigResult = { notices: readonly Notice[]; text: string } | { notices: readonly Notice[]; error: string };

/** Loads version 3 files and prints them; never throws on bad files. */
export function renderStrictConfig(request: LoadRequest, options: StrictOptions = {}): ConfigResult {
  const notices: Notice[] = [];
  try {
    return { notices, text: renderProject(loadStrictProject(request, notices, options).project) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { notices, error: error.message };
  }
}

export function renderProject(project: Project): string {
  return emitYaml(
    struct([
      ['version', project.version],
      ['services', sorted(project.services, service)],
      ['networks', some(sorted(project.networks, network))],
      ['volumes', some(sorted(project.volumes, volume))],
      ['secrets', some(sorted(project.secrets, file))],
      ['configs', some(sorted(project.configs, file))],
      ...extras(project.extras),
    ]),
  );
}

/** Keys in the given order; what was not given or is empty in Go's eyes is left out. */
function struct(fields: readonly Field[]): Ordered {
  return new Ordered(fields.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

function sorted<T>(map: Readonly<Record<string, T>>, change: (value: T) => Printable): Ordered {
  const keys = Object.keys(map).sort(naturalOrder);
  return new Ordered(keys.map((key) => [key, change(map[key] as T)] as const));
}

function some(value: Ordered): Ordered | undefined {
  return value.entries.length === 0 ? undefined : value;
}

/** Strings, lists and maps that hold something; numbers but zero; true. */
function full(value: Value | Readonly<Record<string, Value>> | undefined): Printable | undefined {
  if (value === undefined || value === '' || value === 0 || value === false) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value;
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return undefined;
  return value as Printable;
}

function list<T>(items: readonly T[] | undefined, change: (item: T) => Printable): Printable | undefined {
  return items === undefined || items.length === 0 ? undefined : items.map(change);
}

function extras(map: Readonly<Record<string, Value>> | undefined): Field[] {
  return Object.entries(map ?? {}).sort(([a], [b]) => naturalOrder(a, b));
}

function duration(nanoseconds: number | undefined): string | undefined {
  return nanoseconds === undefined ? undefined : formatDuration(nanoseconds);
}

function service(model: ServiceModel): Ordered {
  const { build, credential_spec: credential } = model;
  return struct([
    ['build', build && some(struct([['context', full(build.context)], ['dockerfile', full(build.dockerfile)], ['args', full(build.args)], ['labels', full(build.labels)], ['cache_from', full(build.cache_from)], ['extra_hosts', full(build.extra_hosts)], ['network', full(build.network)], ['target', full(build.target)]]))],
    ['cap_add', full(model.cap_add)],
    ['cap_drop', full(model.cap_drop)],
    ['cgroupns_mode', full(model.cgroupns_mode)],
    ['cgroup_parent', full(model.cgroup_parent)],
    ['command', full(model.command)],
    ['configs', list(model.configs, reference)],
    ['container_name', full(model.container_name)],
    ['credential_spec', credential && some(struct([['config', full(credential.config)], ['file', full(credential.file)], ['registry', full(credential.registry)]]))],
    ['depends_on', full(model.depends_on)],
    ['deploy', model.deploy && some(deploy(model.deploy))],
    ['devices', full(model.devices)],
    ['dns', full(model.dns)],
    ['dns_search', full(model.dns_search)],
    ['domainname', full(model.domainname)],
    ['entrypoint', full(model.entrypoint)],
    ['environment', full(model.environment)],
    ['env_file', full(model.env_file)],
    ['expose', full(model.expose)],
    ['external_links', full(model.external_links)],
    ['extra_hosts', full(model.extra_hosts)],
    ['hostname', full(model.hostname)],
    ['healthcheck', model.healthcheck && healthcheck(model.healthcheck)],
    ['image', full(model.image)],
    ['init', model.init],
    ...laterFields(model),
  ]);
}

function laterFields(model: ServiceModel): Field[] {
  const { logging } = model;
  return [
    ['ipc', full(model.ipc)],
    ['isolation', full(model.isolation)],
    ['labels', full(model.labels)],
    ['links', full(model.links)],
    ['logging', logging && struct([['driver', full(logging.driver)], ['options', full(logging.options)]])],
    ['mac_address', full(model.mac_address)],
    ['network_mode', full(model.network_mode)],
    ['networks', model.networks && some(sorted(model.networks, attachment))],
    ['pid', full(model.pid)],
    ['ports', list(model.ports, (port) => struct([['mode', full(port.mode)], ['target', full(port.target)], ['published', full(port.published)], ['protocol', full(port.protocol)]]))],
    ['privileged', full(model.privileged)],
    ['read_only', full(model.read_only)],
    ['restart', full(model.restart)],
    ['secrets', list(model.secrets, reference)],
    ['security_opt', full(model.security_opt)],
    ['shm_size', full(model.shm_size)],
    ['stdin_open', full(model.stdin_open)],
    ['stop_grace_period', duration(model.stop_grace_period)],
    ['stop_signal', full(model.stop_signal)],
    ['sysctls', full(model.sysctls)],
    ['tmpfs', full(model.tmpfs)],
    ['tty', full(model.tty)],
    ['ulimits', model.ulimits && some(sorted(model.ulimits, ulimit))],
    ['user', full(model.user)],
    ['userns_mode', full(model.userns_mode)],
    ['volumes', list(model.volumes, mount)],
    ['working_dir', full(model.working_dir)],
    ...extras(model.extras),
  ];
}

function reference(model: NonNullable<ServiceModel['secrets']>[number]): Ordered {
  return struct([['source', full(model.source)], ['target', full(model.target)], ['uid', full(model.uid)], ['gid', full(model.gid)], ['mode', model.mode]]);
}

function attachment(model: NonNullable<ServiceModel['networks']>[string]): Printable {
  if (model === null) return null;
  return struct([['aliases', full(model.aliases)], ['ipv4_address', full(model.ipv4_address)], ['ipv6_address', full(model.ipv6_address)], ['driver_opts', full(model.driver_opts)]]);
}

function ulimit({ single, soft, hard }: UlimitModel): Printable {
  return single ? single : struct([['soft', full(soft)], ['hard', full(hard)]]);
}

function mount(model: MountModel): Ordered {
  return struct([
    ['type', full(model.type)],
    ['source', full(model.source)],
    ['target', full(model.target)],
    ['read_only', full(model.read_only)],
    ['consistency', full(model.consistency)],
    ['bind', model.bind && struct([['propagation', full(model.bind.propagation)]])],
    ['volume', model.volume && struct([['nocopy', full(model.volume.nocopy)], ['subpath', full(model.volume.subpath)]])],
    ['tmpfs', model.tmpfs && struct([['size', full(model.tmpfs.size)]])],
    ['cluster', model.cluster && struct([])],
  ]);
}

function healthcheck(model: HealthcheckModel): Ordered {
  return struct([
    ['test', full(model.test)],
    ['timeout', duration(model.timeout)],
    ['interval', duration(model.interval)],
    ['retries', model.retries],
    ['start_period', duration(model.start_period)],
    ['start_interval', duration(model.start_interval)],
    ['disable', full(model.disable)],
  ]);
}

function deploy(model: DeployModel): Ordered {
  const { limits, reservations } = model.resources ?? {};
  const { restart_policy: restart, placement } = model;
  const generic = list(reservations?.generic_resources, ({ discrete_resource_spec: spec }) =>
    struct([['discrete_resource_spec', spec && struct([['kind', spec.kind ?? ''], ['value', spec.value ?? 0]])]]),
  );
  return struct([
    ['mode', full(model.mode)],
    ['replicas', model.replicas],
    ['labels', full(model.labels)],
    ['update_config', model.update_config && update(model.update_config)],
    ['rollback_config', model.rollback_config && update(model.rollback_config)],
    ['resources', some(struct([
      ['limits', limits && struct([['cpus', full(limits.cpus)], ['memory', bytes(limits.memory)], ['pids', full(limits.pids)]])],
      ['reservations', reservations && struct([['cpus', full(reservations.cpus)], ['memory', bytes(reservations.memory)], ['generic_resources', generic]])],
    ]))],
    ['restart_policy', restart && struct([['condition', full(restart.condition)], ['delay', duration(restart.delay)], ['max_attempts', restart.max_attempts], ['window', duration(restart.window)]])],
    ['placement', placement && some(struct([
      ['constraints', full(placement.constraints)],
      ['preferences', list(placement.preferences, ({ spread }) => struct([['spread', full(spread)]]))],
      ['max_replicas_per_node', full(placement.max_replicas_per_node)],
    ]))],
    ['endpoint_mode', full(model.endpoint_mode)],
  ]);
}

/** Sizes are printed as texts of bytes. */
function bytes(size: number | undefined): string | undefined {
  return size ? String(size) : undefined;
}

function update(model: UpdateModel): Ordered {
  return struct([
    ['parallelism', model.parallelism],
    ['delay', duration(model.delay || undefined)],
    ['failure_action', full(model.failure_action)],
    ['monitor', duration(model.monitor || undefined)],
    ['max_failure_ratio', model.max_failure_ratio ? new Float(singlePrecision(model.max_failure_ratio)) : undefined],
    ['order', full(model.order)],
  ]);
}

function network(model: NetworkModel): Ordered {
  const { ipam } = model;
  const pools = list(ipam?.config, ({ subnet }) => struct([['subnet', full(subnet)]]));
  return struct([
    ['name', full(model.name)],
    ['driver', full(model.driver)],
    ['driver_opts', full(model.driver_opts)],
    ['ipam', some(struct([['driver', full(ipam?.driver)], ['config', pools]]))],
    ['external', full(model.external)],
    ['internal', full(model.internal)],
    ['attachable', full(model.attachable)],
    ['labels', full(model.labels)],
    ...extras(model.extras),
  ]);
}

function volume(model: VolumeModel): Ordered {
  return struct([
    ['name', full(model.name)],
    ['driver', full(model.driver)],
    ['driver_opts', full(model.driver_opts)],
    ['external', full(model.external)],
    ['labels', full(model.labels)],
    ['x-cluster-spec', clusterSpec(model['x-cluster-spec'])],
    ...extras(model.extras),
  ]);
}

function file(model: FileModel): Ordered {
  return struct([
    ['name', full(model.name)],
    ['file', full(model.file)],
    ['external', full(model.external)],
    ['labels', full(model.labels)],
    ['driver', full(model.driver)],
    ['driver_opts', full(model.driver_opts)],
    ['template_driver', full(model.template_driver)],
    ...extras(model.extras),
  ]);
}

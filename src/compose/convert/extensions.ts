/** What version 3 cannot say, added to a converted service. */
import { parseSize } from '#base/text/human';
import { Refusal } from '#base/refusal';
import type { ContainerExtension, ContainerSpec, DeviceRequest, Mount, PortConfig, ServiceDependency, ServiceSpec, TaskSpec } from '#model/object/service-spec';
import { listedBy } from '#model/port/port';
import type { SpecOnlyModel, DeviceModel, PortModel, Project, ServiceModel } from '../project.ts';
import { filled, scoped, someOf } from './names.ts';
import { optionLabels } from './options.ts';

/** `spec` with the keys of `service` that Docker's own conversion leaves out. Throws Refusal. */
export function withBeyond(spec: ServiceSpec, service: ServiceModel, project: Project, stack: string): ServiceSpec {
  const specOnly = service.specOnly ?? {};
  const dependsOn = dependencies(specOnly, project, stack);
  const extras = listedBy(service.ports ?? [], (port) => pairKey(port.target, port.published, port.protocol, port.mode));
  // One number may be published on several addresses: ports that version 3 cannot tell apart have theirs in turn.
  const ports = spec.EndpointSpec?.Ports?.map((port) =>
    withPort(port, extras.get(pairKey(port.TargetPort, port.PublishedPort, port.Protocol, port.PublishMode))?.shift()),
  );
  const options = optionLabels(service, project);
  return {
    ...spec,
    ...(Object.keys(options).length > 0 && { Labels: { ...options, ...spec.Labels } }),
    TaskTemplate: taskTemplate(spec.TaskTemplate, service, specOnly),
    EndpointSpec: { ...spec.EndpointSpec, ...(ports && { Ports: ports }) },
    ...(dependsOn.length > 0 && { Shoal: { DependsOn: dependsOn } }),
  };
}

function taskTemplate(template: TaskSpec, service: ServiceModel, specOnly: SpecOnlyModel): TaskSpec {
  const devices = [...(specOnly.gpus ?? []), ...(service.deploy?.resources?.reservations?.devices ?? [])].map(deviceRequest);
  const resources = { ...template.Resources, Reservations: { ...template.Resources?.Reservations, Shoal: { DeviceRequests: devices } } };
  return {
    ...template,
    ContainerSpec: containerSpec(template.ContainerSpec ?? {}, service, specOnly),
    ...(devices.length > 0 && { Resources: resources }),
  };
}

function containerSpec(spec: ContainerSpec, service: ServiceModel, specOnly: SpecOnlyModel): ContainerSpec {
  const mounts = [...(spec.Mounts ?? []), ...(service.tmpfs ?? []).map(tmpfsMount)];
  const options = service.security_opt ?? [];
  const noNewPrivileges = options.some((option) => /^no-new-privileges([:=]true)?$/.test(option));
  const extension = extensionOf(
    service,
    specOnly,
    options.filter((option) => !option.startsWith('no-new-privileges')),
  );
  const dns = specOnly.dns_opt ? { ...spec.DNSConfig, Options: specOnly.dns_opt } : spec.DNSConfig;
  return {
    ...spec,
    ...(mounts.length > 0 && { Mounts: mounts }),
    ...(dns && { DNSConfig: dns }),
    ...(specOnly.group_add && { Groups: specOnly.group_add }),
    ...(specOnly.oom_score_adj && { OomScoreAdj: specOnly.oom_score_adj }),
    ...(noNewPrivileges && { Privileges: { ...spec.Privileges, NoNewPrivileges: true } }),
    ...(Object.keys(extension).length > 0 && { Shoal: extension }),
  };
}

function extensionOf(service: ServiceModel, specOnly: SpecOnlyModel, securityOptions: readonly string[]): ContainerExtension {
  return {
    ...filled<ContainerExtension>({
      ShmSize: specOnly.shm_size,
      Devices: service.devices?.map(deviceMapping),
      DeviceCgroupRules: specOnly.device_cgroup_rules,
      Privileged: service.privileged,
      SecurityOpt: securityOptions,
      PidMode: service.pid,
      IpcMode: service.ipc,
      UTSMode: specOnly.uts,
      UsernsMode: service.userns_mode,
      CgroupnsMode: specOnly.cgroup ?? service.cgroupns_mode,
      CgroupParent: service.cgroup_parent,
      Runtime: specOnly.runtime,
      MacAddress: service.mac_address,
      Domainname: service.domainname,
      PullPolicy: specOnly.pull_policy,
      Platform: specOnly.platform,
      MemorySwap: specOnly.memswap_limit,
      CPUShares: specOnly.cpu_shares,
      CPUQuota: specOnly.cpu_quota,
      CPUPeriod: specOnly.cpu_period,
      CpusetCpus: specOnly.cpuset,
      OomKillDisable: specOnly.oom_kill_disable,
      BlkioWeight: specOnly.blkio_weight,
      Annotations: someOf(specOnly.annotations),
      StorageOpt: someOf(specOnly.storage_opt),
    }),
    // 0 is an order of its own here: never swap.
    ...(specOnly.mem_swappiness !== undefined && { MemorySwappiness: specOnly.mem_swappiness }),
  };
}

function deviceMapping(text: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const [source = '', second, third] = text.split(':');
  const onlyPermissions = third === undefined && second !== undefined && /^[rwm]+$/.test(second);
  return {
    PathOnHost: source,
    PathInContainer: onlyPermissions ? source : (second ?? source),
    CgroupPermissions: (onlyPermissions ? second : third) ?? 'rwm',
  };
}

function deviceRequest(model: DeviceModel): DeviceRequest {
  return filled<DeviceRequest>({
    Driver: model.driver,
    // Neither a count nor ids means all of them.
    Count: model.count ?? (model.device_ids ? undefined : -1),
    DeviceIDs: model.device_ids,
    Capabilities: model.capabilities && [model.capabilities],
    Options: someOf(model.options),
  });
}

/** `/path[:size=64m,mode=1770,…]`: what the engine has a word for becomes one, the rest is passed on. */
function tmpfsMount(text: string): Mount {
  const [target = '', optionText = ''] = text.split(':');
  const rest: string[][] = [];
  const known: { SizeBytes?: number; Mode?: number } = {};
  let readOnly = false;
  for (const option of optionText.split(',').filter((item) => item !== '')) {
    const [key = '', value] = option.split('=');
    if (key === 'size' && value !== undefined) known.SizeBytes = parseSize(value);
    else if (key === 'mode' && value !== undefined) known.Mode = Number.parseInt(value, 8);
    else if (key === 'ro') readOnly = true;
    else if (key !== 'rw') rest.push(value === undefined ? [key] : [key, value]);
  }
  if (Number.isNaN(known.Mode)) throw new Refusal('invalidArgument', `mode of tmpfs ${text} is not octal`, { path: ['tmpfs'] });
  const options = { ...known, ...(rest.length > 0 && { Options: rest }) };
  return { Type: 'tmpfs', Target: target, ...(readOnly && { ReadOnly: true }), ...(Object.keys(options).length > 0 && { TmpfsOptions: options }) };
}

function pairKey(target: number | undefined, published: number | undefined, protocol: string | undefined, mode: string | undefined): string {
  return `${target ?? ''} ${published ?? ''} ${protocol ?? ''} ${mode ?? ''}`;
}

/** `config` with the extras of the port that it was converted from. */
function withPort(config: PortConfig, model: PortModel | undefined): PortConfig {
  const extra = filled<NonNullable<PortConfig['Shoal']>>({ HostIP: model?.host_ip, AppProtocol: model?.app_protocol });
  return Object.keys(extra).length === 0 ? config : { ...config, Shoal: extra };
}

function dependencies(specOnly: SpecOnlyModel, project: Project, stack: string): ServiceDependency[] {
  return Object.entries(specOnly.depends_on ?? {}).flatMap(([key, model]) => {
    if (!Object.hasOwn(project.services, key)) {
      if (model.required === false) return [];
      throw new Refusal('invalidArgument', `it depends on service ${key}, which is not part of the stack`, { path: ['depends_on', key] });
    }
    return [
      {
        Service: scoped(stack, key),
        Condition: (model.condition ?? 'service_started') as ServiceDependency['Condition'],
        ...(model.required === false && model.condition !== undefined && { Required: false }),
        ...(model.restart === true && { Restart: true }),
      },
    ];
  });
}

/** A service as `stack config` prints it: keys in Docker's order. */
import type { MountModel, ServiceModel, UlimitModel } from '../project.ts';
import { deploy, healthcheck } from './deploy.ts';
import type { Ordered, Printable } from './emit.ts';
import { duration, extras, full, list, some, sorted, struct } from './fields.ts';
import type { Field } from './fields.ts';

export function service(model: ServiceModel): Ordered {
  const { build, credential_spec: credential } = model;
  return struct([
    [
      'build',
      build &&
        some(
          struct([
            ['context', full(build.context)],
            ['dockerfile', full(build.dockerfile)],
            ['args', full(build.args)],
            ['labels', full(build.labels)],
            ['cache_from', full(build.cache_from)],
            ['extra_hosts', full(build.extra_hosts)],
            ['network', full(build.network)],
            ['target', full(build.target)],
          ]),
        ),
    ],
    ['cap_add', full(model.cap_add)],
    ['cap_drop', full(model.cap_drop)],
    ['cgroupns_mode', full(model.cgroupns_mode)],
    ['cgroup_parent', full(model.cgroup_parent)],
    ['command', full(model.command)],
    ['configs', list(model.configs, reference)],
    ['container_name', full(model.container_name)],
    [
      'credential_spec',
      credential &&
        some(
          struct([
            ['config', full(credential.config)],
            ['file', full(credential.file)],
            ['registry', full(credential.registry)],
          ]),
        ),
    ],
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
    [
      'logging',
      logging &&
        struct([
          ['driver', full(logging.driver)],
          ['options', full(logging.options)],
        ]),
    ],
    ['mac_address', full(model.mac_address)],
    ['network_mode', full(model.network_mode)],
    ['networks', model.networks && some(sorted(model.networks, attachment))],
    ['pid', full(model.pid)],
    [
      'ports',
      list(model.ports, (port) =>
        struct([
          ['mode', full(port.mode)],
          ['target', full(port.target)],
          ['published', full(port.published)],
          ['protocol', full(port.protocol)],
        ]),
      ),
    ],
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
  return struct([
    ['source', full(model.source)],
    ['target', full(model.target)],
    ['uid', full(model.uid)],
    ['gid', full(model.gid)],
    ['mode', model.mode],
  ]);
}

function attachment(model: NonNullable<ServiceModel['networks']>[string]): Printable {
  if (model === null) return null;
  return struct([
    ['aliases', full(model.aliases)],
    ['ipv4_address', full(model.ipv4_address)],
    ['ipv6_address', full(model.ipv6_address)],
    ['driver_opts', full(model.driver_opts)],
  ]);
}

function ulimit({ single, soft, hard }: UlimitModel): Printable {
  return single
    ? single
    : struct([
        ['soft', full(soft)],
        ['hard', full(hard)],
      ]);
}

function mount(model: MountModel): Ordered {
  return struct([
    ['type', full(model.type)],
    ['source', full(model.source)],
    ['target', full(model.target)],
    ['read_only', full(model.read_only)],
    ['consistency', full(model.consistency)],
    ['bind', model.bind && struct([['propagation', full(model.bind.propagation)]])],
    [
      'volume',
      model.volume &&
        struct([
          ['nocopy', full(model.volume.nocopy)],
          ['subpath', full(model.volume.subpath)],
        ]),
    ],
    ['tmpfs', model.tmpfs && struct([['size', full(model.tmpfs.size)]])],
    ['cluster', model.cluster && struct([])],
  ]);
}

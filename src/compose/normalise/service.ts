/** A service's checked values to its model. */
import { Refusal } from '#base/refusal';
import type { AttachmentModel, BuildModel, FileReferenceModel, LoggingModel, ServiceModel, UlimitModel } from '../project.ts';
import { goText, isList, isMap, newMap, numberOf } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import type { Context } from './context.ts';
import { decodeError, duration, extrasOf, flag, given, hosts, integer, mapValues, pairs, strings, text, textOrList, texts } from './decode.ts';
import { deploy, healthcheck } from './deploy.ts';
import { envFiles, environmentOf } from './environment.ts';
import { fileMode, mounts } from './mounts.ts';
import { ports } from './ports.ts';
import { splitWords } from '#base/text/shell-words';

/** Throws Refusal on what the schema cannot see: sizes, command lines, env files, mounts. */
export function service(map: ValueMap, context: Context): ServiceModel {
  const files = envFiles(map.env_file);
  const shape = {
    ...containerFields(map),
    ...hostFields(map),
    command: commandLine(map.command, 'Command'),
    entrypoint: commandLine(map.entrypoint, 'Entrypoint'),
    deploy: isMap(map.deploy) ? deploy(map.deploy) : undefined,
    environment: environmentOf(map.environment, files, context),
    env_file: files.length === 0 ? undefined : files.map((file) => file.path),
    healthcheck: isMap(map.healthcheck) ? healthcheck(map.healthcheck) : undefined,
    networks: networks(map.networks),
    ports: ports(map.ports, context),
    volumes: mounts(map.volumes, context),
    secrets: fileReferences(map.secrets, context),
    configs: fileReferences(map.configs, context),
    extras: extrasOf(map),
  };
  return given<ServiceModel>(shape as { [K in keyof ServiceModel]: ServiceModel[K] | undefined });
}

function containerFields(map: ValueMap): { [K in keyof ServiceModel]?: ServiceModel[K] | undefined } {
  const { credential_spec: credential, logging, ulimits } = map;
  return {
    cap_add: texts(map.cap_add, 'cap_add'),
    cap_drop: texts(map.cap_drop, 'cap_drop'),
    credential_spec: isMap(credential)
      ? given<NonNullable<ServiceModel['credential_spec']>>({
          config: text(credential.config, 'credential_spec.Config'),
          file: text(credential.file, 'credential_spec.File'),
          registry: text(credential.registry, 'credential_spec.Registry'),
        })
      : undefined,
    depends_on: texts(map.depends_on, 'depends_on'),
    dns: textOrList(map.dns, 'DNS'),
    dns_search: textOrList(map.dns_search, 'dns_search'),
    extra_hosts: hosts(map.extra_hosts),
    hostname: text(map.hostname, 'Hostname'),
    image: text(map.image, 'Image'),
    init: flag(map.init),
    isolation: text(map.isolation, 'Isolation'),
    labels: strings(map.labels),
    logging: isMap(logging) ? given<LoggingModel>({ driver: text(logging.driver, 'Logging.Driver'), options: strings(logging.options) }) : undefined,
    read_only: flag(map.read_only),
    stdin_open: flag(map.stdin_open),
    stop_grace_period: duration(map.stop_grace_period, 'stop_grace_period'),
    stop_signal: text(map.stop_signal, 'stop_signal'),
    sysctls: strings(map.sysctls),
    tmpfs: textOrList(map.tmpfs, 'Tmpfs'),
    tty: flag(map.tty),
    ulimits: isMap(ulimits) ? mapValues(ulimits, ulimit) : undefined,
    user: text(map.user, 'User'),
    working_dir: text(map.working_dir, 'working_dir'),
  };
}

/** What a swarm ignores and `stack config` shows all the same. */
function hostFields(map: ValueMap): { [K in keyof ServiceModel]?: ServiceModel[K] | undefined } {
  return {
    build: build(map.build),
    cgroupns_mode: text(map.cgroupns_mode, 'cgroupns_mode'),
    cgroup_parent: text(map.cgroup_parent, 'cgroup_parent'),
    container_name: text(map.container_name, 'container_name'),
    devices: texts(map.devices, 'Devices'),
    domainname: text(map.domainname, 'DomainName'),
    expose: isList(map.expose) ? map.expose.map(goText) : undefined,
    external_links: texts(map.external_links, 'external_links'),
    ipc: text(map.ipc, 'Ipc'),
    links: texts(map.links, 'Links'),
    mac_address: text(map.mac_address, 'mac_address'),
    network_mode: text(map.network_mode, 'network_mode'),
    pid: text(map.pid, 'Pid'),
    privileged: flag(map.privileged),
    restart: text(map.restart, 'Restart'),
    security_opt: texts(map.security_opt, 'security_opt'),
    shm_size: text(map.shm_size, 'shm_size'),
    userns_mode: text(map.userns_mode, 'userns_mode'),
  };
}

function build(value: Value | undefined): BuildModel | undefined {
  if (typeof value === 'string') return { context: value };
  if (!isMap(value)) return undefined;
  return given<BuildModel>({
    context: text(value.context, 'Build.Context'),
    dockerfile: text(value.dockerfile, 'Build.Dockerfile'),
    args: pairs(value.args),
    labels: strings(value.labels),
    cache_from: textOrList(value.cache_from, 'Build.cache_from'),
    extra_hosts: hosts(value.extra_hosts),
    network: text(value.network, 'Build.Network'),
    target: text(value.target, 'Build.Target'),
  });
}

function commandLine(value: Value | undefined, field: string): string[] | undefined {
  if (typeof value !== 'string') return texts(value, field);
  try {
    return splitWords(value);
  } catch (error) {
    throw error instanceof Refusal ? decodeError(field, error.message) : error;
  }
}

function ulimit(value: Value): UlimitModel {
  const single = integer(value);
  if (single !== undefined) return { single };
  if (!isMap(value)) return {};
  return given<UlimitModel>({ soft: integer(value.soft), hard: integer(value.hard) });
}

function networks(value: Value | undefined): Record<string, AttachmentModel | null> | undefined {
  if (isMap(value)) return mapValues(value, attachment);
  if (!isList(value)) return undefined;
  const result = newMap<AttachmentModel | null>();
  for (const name of value) result[goText(name)] = null;
  return result;
}

function attachment(value: Value): AttachmentModel | null {
  if (!isMap(value)) return null;
  return given<AttachmentModel>({
    aliases: texts(value.aliases, 'Aliases'),
    ipv4_address: text(value.ipv4_address, 'ipv4_address'),
    ipv6_address: text(value.ipv6_address, 'ipv6_address'),
    driver_opts: strings(value.driver_opts),
  });
}

function fileReferences(value: Value | undefined, context: Context): FileReferenceModel[] | undefined {
  if (!isList(value)) return undefined;
  return value.map((item) => {
    if (!isMap(item)) return { source: goText(item) };
    return given<FileReferenceModel>({
      source: text(item.source, 'Source'),
      target: text(item.target, 'Target'),
      uid: text(item.uid, 'UID'),
      gid: text(item.gid, 'GID'),
      mode: context.mode === 'strict' ? numberOf(item.mode) : fileMode(item.mode),
    });
  });
}

/** The Compose Specification's service keys that version 3 lacks: brought into version 3's own, or kept beside them. */
import { Refusal } from '#base/refusal';
import type { SpecOnlyModel, ServiceModel } from '../project.ts';
import { goText, isList, isMap, newMap, numberOf } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { absolute } from './context.ts';
import type { Context } from './context.ts';
import { flag, given, integer, mapValues, strings, text, textOrList, texts } from './decode.ts';
import { device, size, wholeNumber } from './deploy.ts';
import { parseEnvFile } from './env-file.ts';
import { service } from './service.ts';

type Fields = Record<string, Value>;

/** Networks of every engine, that `network_mode` may name. */
const engineNetworks = ['host', 'bridge', 'none'];

/** A service of the Compose Specification. Throws Refusal on keys that contradict one another. */
export function specService(map: ValueMap, context: Context): ServiceModel {
  const fields: Fields = { ...map };
  for (const key of ['command', 'entrypoint']) if (fields[key] === null) delete fields[key];
  fields.deploy = deployFields(map);
  const joined = networkMode(map);
  if (joined) fields.networks = joined;
  if (map.user !== undefined) fields.user = goText(map.user);
  if (map.label_file !== undefined) fields.labels = labelsWithFiles(map, context);
  if (isList(map.devices)) fields.devices = map.devices.map(deviceText);
  if (isMap(map.depends_on)) delete fields.depends_on;
  delete fields.shm_size;
  return { ...service(fields, context), specOnly: specOnlyOf(map) };
}

function specOnlyOf(map: ValueMap): SpecOnlyModel {
  const blkio = map.blkio_config;
  const gpus = map.gpus === 'all' ? [{ count: -1, capabilities: ['gpu'] }] : isList(map.gpus) ? map.gpus.filter(isMap).map(gpu) : undefined;
  return given<SpecOnlyModel>({
    annotations: strings(map.annotations),
    blkio_weight: isMap(blkio) ? integer(blkio.weight) : undefined,
    cgroup: text(map.cgroup, 'cgroup'),
    cpu_period: microseconds(map.cpu_period, 'cpu_period'),
    cpu_quota: microseconds(map.cpu_quota, 'cpu_quota'),
    cpu_shares: wholeNumber(map.cpu_shares, 'cpu_shares'),
    cpuset: text(map.cpuset, 'cpuset'),
    depends_on: dependencies(map.depends_on),
    device_cgroup_rules: texts(map.device_cgroup_rules, 'device_cgroup_rules'),
    dns_opt: dnsOptions(map.dns_opt),
    gpus,
    group_add: isList(map.group_add) ? map.group_add.map(goText) : undefined,
    mem_swappiness: wholeNumber(map.mem_swappiness, 'mem_swappiness'),
    memswap_limit: map.memswap_limit === '-1' || numberOf(map.memswap_limit) === -1 ? -1 : size(map.memswap_limit, 'memswap_limit'),
    oom_kill_disable: flag(map.oom_kill_disable),
    oom_score_adj: integer(map.oom_score_adj),
    platform: text(map.platform, 'platform'),
    pull_policy: pullPolicy(text(map.pull_policy, 'pull_policy')),
    runtime: text(map.runtime, 'runtime'),
    shm_size: size(map.shm_size, 'shm_size'),
    storage_opt: strings(map.storage_opt),
    uts: text(map.uts, 'uts'),
  });
}

/** A number of microseconds, or a duration. */
function microseconds(value: Value | undefined, key: string): number | undefined {
  const match = typeof value === 'string' ? /^(\d+)(us|ms|s)$/.exec(value) : null;
  if (!match) return wholeNumber(value, key);
  return Number(match[1]) * (match[2] === 's' ? 1e6 : match[2] === 'ms' ? 1e3 : 1);
}

function gpu(map: ValueMap): ReturnType<typeof device> {
  const request = device(map);
  return { ...request, capabilities: [...new Set(['gpu', ...(request.capabilities ?? [])])] };
}

function deviceText(value: Value): Value {
  if (!isMap(value)) return value;
  const source = goText(value.source ?? '');
  return [source, goText(value.target ?? source), ...(value.permissions === undefined ? [] : [goText(value.permissions)])].join(':');
}

/** What `docker compose` and the engine call by different words; a policy that a cluster cannot follow is refused. */
function pullPolicy(policy: string | undefined): string | undefined {
  if (policy === undefined || ['always', 'missing', 'never'].includes(policy)) return policy;
  if (policy === 'if_not_present') return 'missing';
  throw new Refusal('invalidArgument', `pull_policy ${policy} is not supported on a cluster: use always, missing or never`, { path: ['pull_policy'] });
}

/** A resolver that wants dots asks the cluster's name server for no service, since their names have none. */
function dnsOptions(value: Value | undefined): string[] | undefined {
  const options = texts(value, 'dns_opt');
  const dots = options?.findIndex((option) => /^ndots:0*[1-9]/.test(option)) ?? -1;
  if (dots < 0) return options;
  throw new Refusal('invalidArgument', `${options?.[dots] ?? ''} would hide the names of services, which have no dots`, {
    path: ['dns_opt', dots],
  });
}

function dependencies(value: Value | undefined): SpecOnlyModel['depends_on'] {
  if (isMap(value)) {
    return mapValues(value, (item) => {
      const options = isMap(item) ? item : newMap();
      return given<{ condition?: string; required?: boolean; restart?: boolean }>({
        condition: text(options.condition, 'condition'),
        required: flag(options.required),
        restart: flag(options.restart),
      });
    });
  }
  if (!isList(value)) return undefined;
  const result = newMap<{ required: boolean }>();
  // Version 3 never looked at the targets of a plain list.
  for (const name of value) result[goText(name)] = { required: false };
  return result;
}

function networkMode(map: ValueMap): ValueMap | undefined {
  const mode = map.network_mode;
  if (typeof mode !== 'string' || mode === '') return undefined;
  if (!engineNetworks.includes(mode)) {
    throw new Refusal('invalidArgument', `network_mode ${mode} is not supported on a cluster: use networks, or host, bridge or none`, {
      path: ['network_mode'],
    });
  }
  if (map.networks !== undefined) throw new Refusal('invalidArgument', 'network_mode and networks exclude each other', { path: ['network_mode'] });
  return Object.assign(newMap(), { [mode]: null });
}

function labelsWithFiles(map: ValueMap, context: Context): ValueMap {
  const result = newMap();
  for (const path of textOrList(map.label_file, 'label_file') ?? []) {
    const file = absolute(context.directory, path);
    Object.assign(
      result,
      parseEnvFile(file, context.read(file), () => undefined),
    );
  }
  return Object.assign(result, strings(map.labels));
}

/** `deploy` with the older keys of the same meaning folded in. */
function deployFields(map: ValueMap): Value {
  const deploy: Fields = { ...(isMap(map.deploy) ? map.deploy : {}) };
  // Told at the key that is written, not at the one it stands for.
  for (const key of ['mem_limit', 'mem_reservation']) size(map[key], key);
  put(deploy, ['replicas'], map.scale, 'scale');
  put(deploy, ['resources', 'limits', 'cpus'], map.cpus, 'cpus');
  put(deploy, ['resources', 'limits', 'memory'], map.mem_limit, 'mem_limit');
  put(deploy, ['resources', 'limits', 'pids'], map.pids_limit, 'pids_limit');
  put(deploy, ['resources', 'reservations', 'memory'], map.mem_reservation, 'mem_reservation');
  return deploy;
}

function put(target: Fields, path: readonly string[], value: Value | undefined, key: string): void {
  const [step = '', ...rest] = path;
  if (value === undefined || value === null) return;
  const present = target[step];
  if (rest.length > 0) {
    const inner: Fields = { ...(isMap(present) ? present : {}) };
    target[step] = inner;
    put(inner, rest, value, key);
    return;
  }
  if (present !== undefined && goText(present) !== goText(value)) {
    throw new Refusal('invalidArgument', `${key} and deploy contradict each other: ${goText(value)} and ${goText(present)}`, { path: [key] });
  }
  target[step] = value;
}

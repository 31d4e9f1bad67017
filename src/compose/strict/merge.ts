/**
 * Several files to one, as Docker merges v3 files: field by field, and an empty value never overrides.
 * Kept faults of Docker's (each at its function): ports collapse, logging options get lost, health tests are appended.
 */
import { assert } from '#base/assert';
import { compareTexts } from '#base/text/text';
import type { AttachmentModel, LoggingModel, PortModel, Project, ServiceModel } from '../project.ts';
import { newMap } from '../value.ts';

type Plain = Record<string, unknown>;

/** Replaced when not empty, instead of merged or appended. */
const replaced = new Set(['command', 'entrypoint', 'ulimits.*']);
/** Pointers in Docker's model: zero is a value. */
const pointers = new Set([
  'deploy.replicas',
  'deploy.update_config.parallelism',
  'deploy.rollback_config.parallelism',
  'deploy.restart_policy.max_attempts',
  'healthcheck.retries',
]);

/** Services merge; top-level entries are replaced whole; `x-` keys of later files are dropped. */
export function mergeProjects(projects: readonly Project[]): Project {
  const [base, ...overrides] = projects;
  assert(base, 'at least one file is loaded');
  return overrides.reduce(mergeTwo, base);
}

function mergeTwo(base: Project, override: Project): Project {
  const services = newMap<ServiceModel>();
  for (const name of [...new Set([...Object.keys(base.services), ...Object.keys(override.services)])].sort(compareTexts)) {
    const [under, over] = [base.services[name], override.services[name]];
    services[name] = under && over ? mergeService(under, over) : (under ?? over ?? {});
  }
  return {
    ...base,
    services,
    networks: { ...base.networks, ...override.networks },
    volumes: { ...base.volumes, ...override.volumes },
    secrets: { ...base.secrets, ...override.secrets },
    configs: { ...base.configs, ...override.configs },
  };
}

function mergeService(base: ServiceModel, override: ServiceModel): ServiceModel {
  const merged = mergeMaps(base as Plain, override as Plain, '') as ServiceModel;
  const { logging, ports } = { logging: mergeLogging(base.logging, override.logging), ports: mergePorts(base, override) };
  return {
    ...merged,
    ...(logging && { logging }),
    ...(ports.length > 0 && { ports }),
    ...keyed('volumes', base.volumes, override.volumes, (mount) => mount.target ?? ''),
    ...keyed('secrets', base.secrets, override.secrets, (reference) => reference.source ?? ''),
    ...keyed('configs', base.configs, override.configs, (reference) => reference.source ?? ''),
    ...(override.networks && { networks: mergeNetworks(base.networks ?? {}, override.networks) }),
  };
}

function mergeMaps(base: Plain, override: Plain, path: string): Plain {
  const result: Plain = Object.assign(newMap<unknown>(), base);
  for (const [key, value] of Object.entries(override)) {
    const inner = path === '' ? key : `${path}.${key}`;
    result[key] = mergeValue(result[key], value, inner);
  }
  return result;
}

function mergeValue(base: unknown, override: unknown, path: string): unknown {
  if (base === undefined || base === null) return override;
  if (pointers.has(path)) return override;
  if (override === undefined || override === null || override === '' || override === 0 || override === false) return base;
  if (Array.isArray(override) && Array.isArray(base)) {
    if (replaced.has(path)) return override.length === 0 ? base : override;
    return [...(base as unknown[]), ...(override as unknown[])];
  }
  if (typeof override === 'object' && typeof base === 'object') {
    return path.startsWith('ulimits.') ? override : mergeMaps(base as Plain, override as Plain, path);
  }
  return override;
}

/** Same or unnamed driver: options merge, but only onto options that are there. Another driver replaces all. */
function mergeLogging(base: LoggingModel | undefined, override: LoggingModel | undefined): LoggingModel | undefined {
  if (!base || !override) return base ?? override;
  if (base.driver && override.driver && base.driver !== override.driver) return override;
  const driver = base.driver || override.driver;
  const options = base.options && (mergeMaps(base.options, override.options ?? {}, 'options') as Record<string, string>);
  return { ...(driver && { driver }), ...(options && { options }) };
}

/** Keyed by the published port alone, so ports without one collapse, and so do tcp and udp of one number, even in `base` itself. */
function mergePorts(base: ServiceModel, override: ServiceModel): PortModel[] {
  const byPublished = new Map<number, PortModel>();
  for (const port of [...(base.ports ?? []), ...(override.ports ?? [])]) byPublished.set(port.published ?? 0, port);
  return [...byPublished.entries()].sort(([a], [b]) => a - b).map(([, port]) => port);
}

function keyed<K extends 'volumes' | 'secrets' | 'configs', T>(
  name: K,
  base: readonly T[] | undefined,
  override: readonly T[] | undefined,
  key: (item: T) => string,
): { [P in K]?: readonly T[] } {
  const items = new Map<string, T>();
  for (const item of [...(base ?? []), ...(override ?? [])]) items.set(key(item), item);
  const sorted = [...items.entries()].sort(([a], [b]) => compareTexts(a, b)).map(([, item]) => item);
  return (sorted.length === 0 ? {} : { [name]: sorted }) as unknown as { [P in K]?: readonly T[] };
}

/** Aliases are replaced by those of the later file, addresses where it has them; driver options stay those of the first. */
function mergeNetworks(base: Record<string, AttachmentModel | null>, override: Record<string, AttachmentModel | null>): Record<string, AttachmentModel | null> {
  const result = Object.assign(newMap<AttachmentModel | null>(), base);
  for (const [name, over] of Object.entries(override)) {
    const under = result[name];
    if (!under || !over) {
      result[name] = under ?? over;
      continue;
    }
    const { aliases: _aliases, ...kept } = under;
    const addresses = { ...(over.ipv4_address && { ipv4_address: over.ipv4_address }), ...(over.ipv6_address && { ipv6_address: over.ipv6_address }) };
    result[name] = { ...kept, ...addresses, ...(over.aliases && { aliases: over.aliases }) };
  }
  return result;
}

/** The merged values of a stack's files to the canonical model; mistakes go to the report, one service at a time. */
import type { Project, ServiceModel } from '../project.ts';
import { specService } from '../normalise/spec-service.ts';
import { extrasOf } from '../normalise/decode.ts';
import { fileSection, networkSection, volumeSection } from '../normalise/top-level.ts';
import { goText, isList, isMap, newMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { add, addRefusal } from './report.ts';
import { specVersion } from './schema.ts';
import type { Loader } from './tree.ts';

const engineNetworks = ['host', 'bridge', 'none'];

export function projectOf(map: ValueMap, loader: Loader): Project {
  const { context, report } = loader;
  const section = <T>(name: string, load: () => Record<string, T>): Record<string, T> => {
    try {
      return load();
    } catch (error) {
      addRefusal(report, error, [name]);
      return newMap<T>();
    }
  };
  const project: Project = {
    version: specVersion,
    ...(typeof map.name === 'string' && { name: map.name }),
    services: services(isMap(map.services) ? map.services : newMap(), loader),
    networks: section('networks', () => networkSection(map.networks, specVersion, context)),
    volumes: section('volumes', () => volumeSection(map.volumes, specVersion, context)),
    secrets: section('secrets', () => fileSection('secret', map.secrets, specVersion, context)),
    configs: section('configs', () => fileSection('config', map.configs, specVersion, context)),
    extras: extrasOf(map) ?? newMap(),
  };
  // `network_mode: host` joins a network that every engine has and no file declares.
  for (const name of engineNetworks) {
    const joined = Object.values(project.services).some((service) => service.network_mode === name);
    if (joined) project.networks[name] ??= { external: true, name };
  }
  return project;
}

function services(section: ValueMap, loader: Loader): Record<string, ServiceModel> {
  const result = newMap<ServiceModel>();
  const active = activeProfiles(loader);
  for (const [name, value] of Object.entries(section)) {
    const map = isMap(value) ? value : newMap();
    if (!isActive(map.profiles, active)) continue;
    try {
      result[name] = specService(map, loader.context);
    } catch (error) {
      addRefusal(loader.report, error, ['services', name]);
    }
  }
  return withoutCircles(result, loader);
}

function activeProfiles(loader: Loader): ReadonlySet<string> {
  const named = loader.lookup('COMPOSE_PROFILES')?.split(',') ?? [];
  return new Set([...(loader.request.profiles ?? []), ...named.map((name) => name.trim()).filter((name) => name !== '')]);
}

function isActive(profiles: Value | undefined, active: ReadonlySet<string>): boolean {
  if (!isList(profiles) || profiles.length === 0 || active.has('*')) return true;
  return profiles.some((profile) => active.has(goText(profile)));
}

/** Services that wait for one another in a circle would never start; version 3 took such files, so the order is dropped with a word. */
function withoutCircles(services: Record<string, ServiceModel>, loader: Loader): Record<string, ServiceModel> {
  const targets = new Map<string, readonly string[]>();
  const waiters = new Map<string, string[]>(Object.keys(services).map((name) => [name, []]));
  for (const [name, service] of Object.entries(services)) {
    warnOfNobody(name, service, services, loader);
    const known = Object.keys(service.specOnly?.depends_on ?? {}).filter((target) => waiters.has(target));
    targets.set(name, known);
    for (const target of known) waiters.get(target)?.push(name);
  }
  const stuck = remaining(remaining(new Set(waiters.keys()), targets, waiters), waiters, targets);
  for (const name of stuck) {
    add(loader.report, 'warning', ['services', name, 'depends_on'], 'services wait for one another in a circle; the order is ignored');
    const { depends_on: _dependsOn, ...specOnly } = services[name]?.specOnly ?? {};
    services[name] = { ...services[name], specOnly };
  }
  return services;
}

/** Version 3 never looked at the targets of a plain list; one that is wrong is most likely a slip of the pen, and is said. */
function warnOfNobody(name: string, { specOnly }: ServiceModel, services: Record<string, ServiceModel>, { report }: Loader): void {
  for (const [target, { condition }] of Object.entries(specOnly?.depends_on ?? {})) {
    if (condition !== undefined || Object.hasOwn(services, target)) continue;
    add(report, 'warning', ['services', name, 'depends_on'], `there is no service ${target} here, or its profile is not active: nothing waits for it`);
  }
}

type Links = ReadonlyMap<string, readonly string[]>;

/** `names` without those whose every way along `forth` ends. */
function remaining(names: ReadonlySet<string>, forth: Links, back: Links): Set<string> {
  const left = new Set(names);
  const within = (links: Links, name: string): string[] => (links.get(name) ?? []).filter((other) => names.has(other));
  const open = new Map([...names].map((name) => [name, within(forth, name).length]));
  const ended = [...names].filter((name) => open.get(name) === 0);
  for (let name = ended.pop(); name !== undefined; name = ended.pop()) {
    left.delete(name);
    for (const other of within(back, name)) {
      const count = (open.get(other) ?? 0) - 1;
      open.set(other, count);
      if (count === 0) ended.push(other);
    }
  }
  return left;
}

/** Merges two files' values by the Compose Specification: maps by key, lists one after the other, with `!reset` and `!override`. */
import { hosts, pairs } from '../normalise/decode.ts';
import { goText, isList, isMap, newMap } from '../value.ts';
import type { Path, Value, ValueMap } from '../value.ts';
import { stepSeparator } from '../yaml/to-value.ts';

type Tags = ReadonlyMap<string, string>;

/** Lists that are one thing: the later replaces the earlier. `*` stands for any one step. */
const whole = ['services.*.command', 'services.*.entrypoint', 'services.*.healthcheck.test'];
/** `KEY=VALUE` lists that are maps at heart. */
const mappings = [
  'services.*.environment',
  'services.*.labels',
  'services.*.annotations',
  'services.*.sysctls',
  'services.*.deploy.labels',
  'services.*.build.args',
  'services.*.build.labels',
  'services.*.storage_opt',
  'networks.*.labels',
  'volumes.*.labels',
  'secrets.*.labels',
  'configs.*.labels',
];
/** Name lists whose long form is a map from name to options. */
const named = ['services.*.networks', 'services.*.depends_on'];
/** One text or a list of them. */
const listable = ['services.*.dns', 'services.*.dns_search', 'services.*.tmpfs', 'services.*.env_file', 'services.*.label_file'];
/** Lists keyed by what an entry provides: a later entry replaces the earlier one that provides the same. */
const keyed: Readonly<Record<string, (item: Value) => string>> = {
  'services.*.volumes': (item) => (isMap(item) ? goText(item.target ?? '') : targetOf(goText(item))),
  'services.*.secrets': fileKey,
  'services.*.configs': fileKey,
  'services.*.ports': shortPortText,
  'services.*.devices': (item) => (isMap(item) ? goText(item.target ?? item.source ?? '') : (goText(item).split(':')[1] ?? goText(item))),
};

function targetOf(spec: string): string {
  const parts = spec.split(':');
  return parts[1] ?? spec;
}

function fileKey(item: Value): string {
  return isMap(item) ? goText(item.target ?? item.source ?? '') : goText(item);
}

function shortPortText(item: Value): string {
  if (!isMap(item)) return goText(item).replace(/\/tcp$/, '');
  const published = item.published === undefined ? '' : `${goText(item.published)}:`;
  const address = item.host_ip === undefined ? '' : `${goText(item.host_ip)}:`;
  const protocol = item.protocol === undefined || item.protocol === 'tcp' ? '' : `/${goText(item.protocol)}`;
  return `${address}${published}${goText(item.target ?? '')}${protocol}`;
}

function matches(patterns: readonly string[], path: Path): boolean {
  return patterns.some((pattern) => {
    const steps = pattern.split('.');
    return steps.length === path.length && steps.every((step, index) => step === '*' || step === path[index]);
  });
}

/** `override` laid over `base`; `tags` are those of the override's file, by path. */
export function mergeValues(base: Value | undefined, override: Value, tags: Tags, path: Path = []): Value {
  if (base === undefined) return clean(override, tags, path);
  if (override === null) return base;
  if (tags.get(path.join(stepSeparator)) === '!override') return clean(override, tags, path);
  const [under, over] = [canonical(base, path), canonical(override, path)];
  if (isMap(under) && isMap(over)) return mergeMaps(under, over, tags, path);
  if (isList(under) && isList(over) && !matches(whole, path)) return mergeLists(under, over, path);
  return clean(over, tags, path);
}

/** Both of a short and a long form in the long one, so that they can merge. */
function canonical(value: Value, path: Path): Value {
  if (matches(mappings, path)) return (pairs(value) as ValueMap | undefined) ?? value;
  if (matches(named, path) && isList(value)) {
    const result = newMap();
    for (const name of value) result[goText(name)] = path[2] === 'depends_on' ? Object.assign(newMap(), { condition: 'service_started' }) : null;
    return result;
  }
  if (matches(['services.*.extra_hosts'], path)) return hosts(value) ?? value;
  if (matches(listable, path) && !isList(value)) return [value];
  return value;
}

function mergeMaps(base: ValueMap, override: ValueMap, tags: Tags, path: Path): ValueMap {
  // Options belong to their driver: another driver starts from nothing.
  const drivers = [base.driver, override.driver];
  if (path[2] === 'logging' && path.length === 3 && drivers[0] !== undefined && drivers[1] !== undefined && drivers[0] !== drivers[1]) return override;
  const result = Object.assign(newMap(), base);
  for (const [key, value] of Object.entries(override)) {
    const inner = [...path, key];
    if (tags.get(inner.join(stepSeparator)) === '!reset') delete result[key];
    else result[key] = mergeValues(result[key], value, tags, inner);
  }
  return result;
}

function mergeLists(base: readonly Value[], override: readonly Value[], path: Path): readonly Value[] {
  const pattern = Object.keys(keyed).find((candidate) => matches([candidate], path));
  const key = pattern === undefined ? undefined : keyed[pattern];
  const items = new Map<string, Value>();
  for (const item of [...base, ...override]) items.set(key ? key(item) : goText(item), item);
  return [...items.values()];
}

/** Without the keys that `!reset` takes away. */
export function clean(value: Value, tags: Tags, path: Path = []): Value {
  if (!isMap(value) || tags.size === 0) return value;
  const result = newMap();
  for (const [key, item] of Object.entries(value)) {
    const inner = [...path, key];
    if (tags.get(inner.join(stepSeparator)) !== '!reset') result[key] = clean(item, tags, inner);
  }
  return result;
}

/** Where two specs differ, for people: one line a field. Values that are often secrets - variables, drivers' options - are left out. */

const longestText = 60;
const mostLines = 20;

/** Lists whose items are known by a name: how it reads. */
const itemNames: Readonly<Record<string, (item: Record<string, unknown>) => string>> = {
  Configs: (item) => text(item['ConfigName']),
  Secrets: (item) => text(item['SecretName']),
  Mounts: (item) => text(item['Target']),
  Networks: (item) => text(item['Target']),
  Ports: (item) => `${text(item['PublishedPort'] ?? 'any')}:${text(item['TargetPort'])}/${text(item['Protocol'] ?? 'tcp')}`,
  Ulimits: (item) => text(item['Name']),
};

/** Turns an id inside a spec, such as a network's, into a name. */
export type NameOf = (id: string) => string;

/** `Mode.Replicated.Replicas: 3 → 5`, in the order of the fields; `live` first. At most 20 lines. */
export function differences(live: unknown, wanted: unknown, nameOf: NameOf = (id) => id): string[] {
  const lines = walk('', live, wanted, nameOf);
  return lines.length <= mostLines ? lines : [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}

function walk(path: string, live: unknown, wanted: unknown, nameOf: NameOf): string[] {
  if (JSON.stringify(live) === JSON.stringify(wanted)) return [];
  const field = path.split('.').at(-1) ?? '';
  // The object behind a name was made anew; that it was missing is said of the object itself.
  if (/^(ConfigID|SecretID)$/.test(field) || /Networks\[[^\]]*\]\.Target$/.test(path)) return [];
  if (field === 'Env') return [`${path}: ${changedVariables(live, wanted)}`];
  if (isOptions(path)) return [`${path}: changed`];
  const name = itemNames[field];
  if (name && isItems(live) && isItems(wanted)) {
    const named = (item: Record<string, unknown>) => nameOf(name(item));
    return walkItems(path, byName(live, named), byName(wanted, named), nameOf);
  }
  // A member that only one side has is shown by its fields, so that what is left out of them stays out.
  if (isObject(live ?? {}) && isObject(wanted ?? {})) {
    const [before, after] = [live ?? {}, wanted ?? {}] as [Record<string, unknown>, Record<string, unknown>];
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    return keys.flatMap((key) => walk(path === '' ? key : `${path}.${key}`, before[key], after[key], nameOf));
  }
  return [`${path}: ${shown(live)} → ${shown(wanted)}`];
}

/** What came and went by name; fields of what stayed. */
function walkItems(path: string, live: ReadonlyMap<string, unknown>, wanted: ReadonlyMap<string, unknown>, nameOf: NameOf): string[] {
  const gone = [...live.keys()].filter((name) => !wanted.has(name));
  const come = [...wanted.keys()].filter((name) => !live.has(name));
  const changed = gone.length + come.length > 0 ? [`${path}: ${gone.join(', ') || 'nothing'} → ${come.join(', ') || 'nothing'}`] : [];
  const stayed = [...wanted].filter(([name]) => live.has(name));
  return [...changed, ...stayed.flatMap(([name, item]) => walk(`${path}[${name}]`, live.get(name), item, nameOf))];
}

/** Names only: values are often secrets that should not be there. */
function changedVariables(live: unknown, wanted: unknown): string {
  const [before, after] = [live, wanted].map((list) => new Set(Array.isArray(list) ? list.map(String) : []));
  const changed = [...(before ?? []), ...(after ?? [])].filter((line) => !(before?.has(line) && after?.has(line)));
  return [...new Set(changed.map((line) => line.split('=')[0] ?? ''))].toSorted().join(', ') || 'another order';
}

/** Options of log and volume drivers carry tokens and passwords. */
function isOptions(path: string): boolean {
  return /(LogDriver|DriverConfig)\.Options\.[^.]*/.test(path);
}

function isItems(value: unknown): value is readonly Record<string, unknown>[] | undefined {
  return value === undefined || (Array.isArray(value) && value.every(isObject));
}

function byName(items: readonly Record<string, unknown>[] | undefined, name: (item: Record<string, unknown>) => string): Map<string, unknown> {
  return new Map((items ?? []).map((item) => [name(item), item]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value);
  return json.length > longestText ? `${json.slice(0, longestText - 1)}…` : json;
}

/** Where two specs differ: the one difference, for plans, reasons and answers. Values that are often secrets - variables, drivers' options - stay out. */
import { own } from '#base/text/own';
import { equal } from '#base/equal';
import { protocolOf } from '../port/port.ts';

export interface FieldChange {
  /** `TaskTemplate.ContainerSpec.Image`, `EndpointSpec.Ports[80:8080/tcp].PublishMode` */
  field: string;
  /** Absent: the field was, or will be, absent too. */
  from?: unknown;
  to?: unknown;
  /** Instead of both: names of variables that come, go or change. Their values are often secrets that should not be there. */
  variables?: readonly string[];
  /** Instead of both: items of a list by name. */
  items?: { gone: readonly string[]; come: readonly string[] };
  /** Instead of both: a value that nobody may see. */
  hidden?: true;
}

type Item = Readonly<Record<string, unknown>>;

/** Lists whose items are known by a name: how it reads. */
const itemNames: Readonly<Record<string, (item: Item) => string>> = {
  Configs: (item) => text(item['ConfigName']),
  Secrets: (item) => text(item['SecretName']),
  Mounts: (item) => text(item['Target']),
  Networks: (item) => text(item['Target']),
  Ports: (item) => `${text(item['PublishedPort'] ?? 'any')}:${text(item['TargetPort'])}/${protocolOf(item)}`,
  Ulimits: (item) => text(item['Name']),
};

/** In the order of the fields; empty only where the two are equal. `field` is the path of both. */
export function fieldChanges(from: unknown, to: unknown, field = ''): FieldChange[] {
  if (equal(from, to)) return [];
  const last = field.split('.').at(-1) ?? '';
  if (last === 'Env') return [{ field, variables: changedVariables(from, to) }];
  if (isOption(field)) return [{ field, hidden: true }];
  const items = itemChanges(from, to, field, itemNames[last]);
  if (items) return items;
  // A member that only one side has is told by its fields, so that what is left out of them stays out.
  const [before, after] = [from ?? {}, to ?? {}];
  if (!isRecord(before) || !isRecord(after)) return [whole(field, from, to)];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  const changes = keys.flatMap((key) => fieldChanges(own(before, key), own(after, key), field === '' ? key : `${field}.${key}`));
  return changes.length > 0 ? changes : [whole(field, from, to)];
}

function whole(field: string, from: unknown, to: unknown): FieldChange {
  return { field, ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

/** What came and went by name, and the fields of what stayed; undefined where names do not tell the items apart. */
function itemChanges(from: unknown, to: unknown, field: string, nameOf: ((item: Item) => string) | undefined): FieldChange[] | undefined {
  const [before, after] = [byName(from, nameOf), byName(to, nameOf)];
  if (!before || !after) return undefined;
  const gone = [...before.keys()].filter((name) => !after.has(name));
  const come = [...after.keys()].filter((name) => !before.has(name));
  const stayed = [...after.keys()].filter((name) => before.has(name));
  const changes = stayed.flatMap((name) => fieldChanges(before.get(name), after.get(name), `${field}[${name}]`));
  if (gone.length + come.length > 0) return [{ field, items: { gone, come } }, ...changes];
  return changes.length > 0 ? changes : undefined;
}

function byName(list: unknown, nameOf: ((item: Item) => string) | undefined): Map<string, Item> | undefined {
  const items: unknown = list ?? [];
  if (!nameOf || !Array.isArray(items) || !items.every(isRecord)) return undefined;
  const named = new Map(items.map((item) => [nameOf(item), item]));
  return named.size === items.length ? named : undefined;
}

/** Names only. */
function changedVariables(from: unknown, to: unknown): string[] {
  const [before, after] = [setOf(from), setOf(to)];
  const changed = [...before, ...after].filter((line) => !(before.has(line) && after.has(line)));
  return [...new Set(changed.map((line) => line.split('=')[0] ?? ''))].toSorted();
}

function setOf(value: unknown): Set<string> {
  return new Set(Array.isArray(value) ? value.map(String) : []);
}

/** Options of log and volume drivers carry tokens and passwords. */
function isOption(field: string): boolean {
  return /(LogDriver|DriverConfig)\.Options\.[^.]*/.test(field);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const longestText = 60;

/** What a change of a volume's driver or options does not do: the node looks (`engine/mounts`). */
const volumesStay = '; a volume that is on its node stays as it is, and the task is rejected there';

/** `Mode.Replicated.Replicas: 3 → 5` */
export function fieldText(change: FieldChange): string {
  return `${plainText(change)}${/\.VolumeOptions\.DriverConfig\b/.test(change.field) ? volumesStay : ''}`;
}

function plainText({ field, from, to, variables, items, hidden }: FieldChange): string {
  if (hidden) return `${field}: changed`;
  if (variables) return `${field}: ${variables.join(', ') || 'another order'}`;
  if (items) return `${field}: ${items.gone.join(', ') || 'nothing'} → ${items.come.join(', ') || 'nothing'}`;
  return `${field}: ${shown(from)} → ${shown(to)}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value);
  return json.length > longestText ? `${json.slice(0, longestText - 1)}…` : json;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

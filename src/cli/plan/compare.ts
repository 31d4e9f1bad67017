/** What a deploy would change in a stack: pure comparison of what is there with what the files ask for. */
import { equal } from '#base/equal';
import { comparable } from '#model/spec-compare';
import { readImage, withoutDigest } from '#model/image-reference';
import type { Labels } from '#model/meta';
import { modeOf } from '#model/service';
import type { ServiceSpec } from '#model/service-spec';

export type Kind = 'service' | 'network' | 'secret' | 'config';

export interface FieldChange {
  /** TaskTemplate.ContainerSpec.Image */
  field: string;
  /** Absent: the field was, or will be, absent too. */
  from?: unknown;
  to?: unknown;
  /** Instead of both: names of variables that come, go or change. Their values are often secrets that should not be there. */
  variables?: readonly string[];
}

export interface ObjectChange {
  kind: Kind;
  name: string;
  change: 'create' | 'update' | 'remove' | 'none';
  fields: readonly FieldChange[];
  /** Why its tasks are replaced; absent: they run on. */
  restarts?: 'all' | 'unsuited';
  /** The daemon would refuse it. */
  refused?: string;
}

export interface NamedObject {
  Name: string;
  Labels?: Labels;
  /** base64, where it can be read. */
  Data?: string;
}

export interface StackState {
  services: readonly ServiceSpec[];
  networks: readonly NamedObject[];
  secrets: readonly NamedObject[];
  configs: readonly NamedObject[];
}

export interface PlanOptions {
  /** Services that the files no longer have go. */
  pruneServices: boolean;
  /** Networks, secrets and configs that nothing names any more go. */
  pruneOthers: boolean;
}

/** Networks in specs are named, not given by id. In the order of a deploy. */
export function planStack(live: StackState, wanted: StackState, options: PlanOptions): ObjectChange[] {
  const used = new Set(live.services.flatMap(namesIn));
  const others = (['network', 'secret', 'config'] as const).flatMap((kind) =>
    planObjects(kind, live[`${kind}s`], wanted[`${kind}s`], (name) => options.pruneOthers && !used.has(name)),
  );
  const services = wanted.services.map((spec) =>
    planService(
      live.services.find(({ Name }) => Name === spec.Name),
      spec,
    ),
  );
  const gone = live.services.filter(({ Name }) => options.pruneServices && !wanted.services.some((spec) => spec.Name === Name));
  return [...gone.map(({ Name }) => removal('service', Name)), ...others, ...services];
}

/** What the daemon keeps for itself, or the client resolves, is no difference: ids, digests, forced updates, platforms. */
export function planService(live: ServiceSpec | undefined, wanted: ServiceSpec): ObjectChange {
  const base = { kind: 'service', name: wanted.Name } as const;
  if (!live) return { ...base, change: 'create', fields: [] };
  const pinned = readImage(wanted.TaskTemplate.ContainerSpec?.Image ?? '')?.digest !== undefined;
  const fields = fieldChanges(comparable(bare(live, pinned)), comparable(bare(wanted, pinned)), '');
  if (fields.length === 0) return { ...base, change: 'none', fields };
  const restarts = restartsOf(fields.map(({ field }) => field));
  return { ...base, change: 'update', fields, ...(restarts && { restarts }) };
}

/** `pinned`: the file names a digest itself, so the running one matters. */
function bare(spec: ServiceSpec, pinned: boolean): ServiceSpec {
  const { ForceUpdate: _force, Placement: placement, ContainerSpec: container = {}, ...task } = spec.TaskTemplate;
  const { Platforms: _platforms, ...kept } = placement ?? {};
  const Secrets = container.Secrets?.map((reference) => ({ ...reference, SecretID: '' }));
  const Configs = container.Configs?.map((reference) => ({ ...reference, ConfigID: '' }));
  const Image = (pinned ? container.Image : container.Image && withoutDigest(container.Image)) ?? '';
  const Privileges = container.Privileges && { ...container.Privileges, CredentialSpec: { ...container.Privileges.CredentialSpec, Config: '' } };
  return {
    ...spec,
    ...(modeOf(spec) === 'replicated' && { Mode: { Replicated: { Replicas: spec.Mode?.Replicated?.Replicas ?? 1 } } }),
    TaskTemplate: {
      ...task,
      Placement: kept,
      ContainerSpec: { ...container, Image, ...(Secrets && { Secrets }), ...(Configs && { Configs }), ...(Privileges && { Privileges }) },
    },
  };
}

/** Tasks follow their template and the service's ports; a placement that changed moves those on nodes that no longer suit. */
function restartsOf(fields: readonly string[]): 'all' | 'unsuited' | undefined {
  const own = fields.filter((field) => field.startsWith('TaskTemplate') || field.startsWith('EndpointSpec'));
  if (own.length === 0) return undefined;
  return own.every((field) => field.startsWith('TaskTemplate.Placement')) ? 'unsuited' : 'all';
}

function fieldChanges(from: unknown, to: unknown, field: string): FieldChange[] {
  if (equal(from, to)) return [];
  if (field.endsWith('.Env')) return [{ field, variables: changedVariables(from, to) }];
  if (!isRecord(from) || !isRecord(to)) return [{ field, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted();
  return keys.flatMap((key) => fieldChanges(from[key], to[key], field === '' ? key : `${field}.${key}`));
}

function changedVariables(from: unknown, to: unknown): string[] {
  const [before, after] = [setOf(from), setOf(to)];
  const changed = [...before, ...after].filter((line) => !(before.has(line) && after.has(line)));
  return [...new Set(changed.map((line) => line.split('=')[0] ?? ''))].toSorted();
}

function setOf(value: unknown): Set<string> {
  return new Set(Array.isArray(value) ? value.map(String) : []);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function planObjects(
  kind: Exclude<Kind, 'service'>,
  live: readonly NamedObject[],
  wanted: readonly NamedObject[],
  unused: (name: string) => boolean,
): ObjectChange[] {
  const changes = wanted.map((spec): ObjectChange => {
    const before = live.find(({ Name }) => Name === spec.Name);
    if (!before) return { kind, name: spec.Name, change: 'create', fields: [] };
    // A network that is there is left as it is.
    const fields = kind === 'network' ? [] : fieldChanges(before.Labels ?? {}, spec.Labels ?? {}, 'Labels');
    const content = before.Data !== undefined && before.Data !== (spec.Data ?? '');
    const refused = content ? { refused: 'its content differs, and only labels can be changed' } : {};
    return { kind, name: spec.Name, change: fields.length > 0 || content ? 'update' : 'none', fields, ...refused };
  });
  const gone = live.filter(({ Name }) => unused(Name) && !wanted.some((spec) => spec.Name === Name));
  return [...changes, ...gone.map(({ Name }) => removal(kind, Name))];
}

function removal(kind: Kind, name: string): ObjectChange {
  return { kind, name, change: 'remove', fields: [] };
}

/** Networks, secrets and configs that a service names: they stay for a rollback. */
function namesIn({ TaskTemplate: task }: ServiceSpec): string[] {
  const { Secrets, Configs } = task.ContainerSpec ?? {};
  const names = [...(Secrets ?? []).map((item) => item.SecretName), ...(Configs ?? []).map((item) => item.ConfigName)];
  return [...names, ...(task.Networks ?? []).map((item) => item.Target ?? '')];
}

/** What a deploy would change in a stack of a plain Docker Swarm, where no daemon plans: what is there compared with what the files ask for. */
import { comparable } from '#model/difference/spec-compare';
import { readImage, withoutDigest } from '#model/image/image-reference';
import type { Labels } from '#model/object/meta';
import { modeOf } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { OwnedKind } from '#model/object/stack';
import { fieldChanges } from '#model/difference/field-changes';
import { serviceChange, type ObjectChange } from '#model/difference/stack-plan';
import { filesNamedIn, isUnused } from '../deploy/docker/unused.ts';

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
}

/** Networks in specs are named, not given by id. In the order of a deploy. */
export function planStack(live: StackState, wanted: StackState, options: PlanOptions): ObjectChange[] {
  const used = new Set(live.services.flatMap(filesNamedIn));
  const others = (['network', 'secret', 'config'] as const).flatMap((kind) =>
    planObjects(kind, live[`${kind}s`], wanted[`${kind}s`], (spec) => kind !== 'network' && isUnused(spec, used)),
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

/**
 * What the daemon keeps for itself, or the client resolves, is no difference: ids, digests, forced updates, platforms.
 * @internal
 */
export function planService(live: ServiceSpec | undefined, wanted: ServiceSpec): ObjectChange {
  if (!live) return { kind: 'service', name: wanted.Name, change: 'create', fields: [] };
  const pinned = readImage(wanted.TaskTemplate.ContainerSpec?.Image ?? '')?.digest !== undefined;
  return serviceChange(wanted.Name, comparable(bare(live, pinned)), comparable(bare(wanted, pinned)));
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

function planObjects(
  kind: Exclude<OwnedKind, 'service'>,
  live: readonly NamedObject[],
  wanted: readonly NamedObject[],
  unused: (spec: NamedObject) => boolean,
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
  const gone = live.filter((spec) => unused(spec) && !wanted.some(({ Name }) => Name === spec.Name));
  return [...changes, ...gone.map(({ Name }) => removal(kind, Name))];
}

function removal(kind: OwnedKind, name: string): ObjectChange {
  return { kind, name, change: 'remove', fields: [] };
}

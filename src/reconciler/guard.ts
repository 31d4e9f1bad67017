/** What a commit may not remove before somebody has seen it: most of a repository, most of a stack, any volume. */
import { counted } from '#base/text/human';
import type { Mount, ServiceSpec } from '#model/object/service-spec';
import type { Action } from '#store/action';
import type { View } from '#store/view';
import type { OwnedObject } from '#model/object/stack';

export interface Removal {
  /** Stacks of the repository that are applied. */
  applied: number;
  /** Those of them that the commit does not have any more. */
  gone: number;
  /** Set when the commit has no such folder at all. */
  missing: string | undefined;
}

/** Why the removal of whole stacks waits; undefined: it need not. */
export function massRemoval({ applied, gone, missing }: Removal): string | undefined {
  if (gone === 0) return undefined;
  if (missing !== undefined) return `the commit has no folder ${missing}: ${stacks(gone)} would be removed`;
  if (gone === applied) return applied === 1 ? 'its last stack would be removed' : `all its ${stacks(gone)} would be removed`;
  return gone * 2 > applied ? `${gone} of its ${stacks(applied)} would be removed` : undefined;
}

function stacks(count: number): string {
  return counted(count, 'stack');
}

/** Why a change of one stack waits: `before` is what it owns, `wanted` its services as they would be, `prunes`: the others go, at once or when those are healthy. */
export function stackRemoval(view: View, before: readonly OwnedObject[], wanted: readonly ServiceSpec[], prunes: boolean): string | undefined {
  const services = before.flatMap(({ Kind, ID }) => (Kind === 'service' ? (view.get('service', ID) ?? []) : []));
  const names = new Set(wanted.map(({ Name }) => Name));
  const others = services.filter(({ Spec }) => !names.has(Spec.Name));
  const gone = prunes ? others : [];
  const reasons: string[] = [];
  if (gone.length * 2 > services.length) {
    reasons.push(`${gone.length} of its ${services.length} services would be removed: ${gone.map((service) => service.Spec.Name).join(', ')}`);
  }
  const after = new Set([...wanted, ...(prunes ? [] : others.map(({ Spec }) => Spec))].flatMap(volumesOf));
  const volumes = [...new Set(services.flatMap((service) => volumesOf(service.Spec)))].filter((volume) => !after.has(volume));
  if (volumes.length > 0) reasons.push(volumeText(volumes));
  return reasons.length > 0 ? reasons.join('; ') : undefined;
}

/** Why the removal of a whole stack waits though the repository keeps most of its others. */
export function volumeRemoval(view: View, objects: readonly OwnedObject[]): string | undefined {
  const services = objects.flatMap(({ Kind, ID }) => (Kind === 'service' ? (view.get('service', ID) ?? []) : []));
  const volumes = [...new Set(services.flatMap((service) => volumesOf(service.Spec)))];
  return volumes.length > 0 ? volumeText(volumes) : undefined;
}

function volumeText(volumes: readonly string[]): string {
  return `${volumes.length === 1 ? 'volume' : 'volumes'} ${volumes.toSorted().join(', ')} would be used by nothing of it any more`;
}

/** Named volumes: what is in them outlives the tasks. */
function volumesOf(spec: ServiceSpec): string[] {
  const lasting = (mount: Mount): boolean => (mount.Type === 'volume' || mount.Type === 'cluster') && Boolean(mount.Source);
  return (spec.TaskTemplate.ContainerSpec?.Mounts ?? []).filter(lasting).map((mount) => mount.Source ?? '');
}

/** Whether something would be started that is not there yet. */
export function startsAnew(view: View, actions: readonly Action[]): boolean {
  return actions.some((action) => action.type === 'create' && action.kind === 'service' && !view.byName('service', action.object.Spec.Name));
}

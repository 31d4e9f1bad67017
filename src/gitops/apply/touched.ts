/** What a change of the cluster means to whoever follows repositories. */
import { equal } from '#base/equal';
import type { Cluster } from '#control/cluster';
import { namespaceLabel } from '#model/object/meta';
import type { Service } from '#model/object/service';
import type { Stack } from '#model/object/stack';

type StoreEvents = Parameters<Parameters<Cluster['watch']>[0]>[0];

/** Another commit is followed, or somebody else is told. */
export function isNewForForges({ object, previous }: StoreEvents[number] & { kind: 'repository' }): boolean {
  return object?.Status.Commit !== previous?.Status.Commit || !equal(object?.Notify, previous?.Notify);
}

/** Somebody said that a stack or a repository may go on, or may not. */
export function isWord(event: StoreEvents[number]): boolean {
  if (event.kind !== 'stack' && event.kind !== 'repository') return false;
  const { object, previous } = event;
  return (
    object !== undefined &&
    previous !== undefined &&
    !(
      equal(object.Suspended, previous.Suspended) &&
      equal('Thawed' in object ? object.Thawed : undefined, 'Thawed' in previous ? previous.Thawed : undefined) &&
      (object.Confirmed === undefined || equal(object.Confirmed, previous.Confirmed))
    )
  );
}

function turnOf(object: object): string | undefined {
  return 'UpdateStatus' in object ? (object as Service).UpdateStatus?.State : undefined;
}

/** Of a stack's record what does not tell how a reconcile went, or what was noted. */
function outside({ Condition: _outcome, Log: _noted, Version: _version, UpdatedAt: _at, ...rest }: Stack): object {
  return rest;
}

/** The stack of which it is said now what became of its version: others may have waited for it. */
export function verdictOf(event: StoreEvents[number]): string | undefined {
  if (event.kind !== 'revision' || !event.object || event.object.Outcome.State === event.previous?.Outcome.State) return undefined;
  return event.previous ? event.object.Spec.Stack : undefined;
}

/** The stack whose spec an event touches, or whose rollout takes a turn; its progress from task to task is none of a repository's business. */
export function stackOf(event: StoreEvents[number]): string | undefined {
  if (event.kind === 'stack')
    return event.object && event.previous && equal(outside(event.object), outside(event.previous)) ? undefined : (event.object ?? event.previous)?.Spec.Name;
  if (event.kind !== 'service' && event.kind !== 'network' && event.kind !== 'secret' && event.kind !== 'config') return undefined;
  const spec = event.object?.Spec ?? event.previous?.Spec;
  if (event.object && event.previous && equal(event.object.Spec, event.previous.Spec) && turnOf(event.object) === turnOf(event.previous)) return undefined;
  return spec?.Labels?.[namespaceLabel];
}

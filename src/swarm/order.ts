/** The order in which actions that were one entry become single calls: at every moment all references lead somewhere. */
import type { ServiceSpec } from '#model/object/service-spec';
import { publishedKey } from '#model/port/port';
import type { Action } from '#store/action';
import type { View } from '#store/view';

/**
 * What is used comes before who uses it, and goes after. Services that are no longer wanted go last, when the new ones are
 * accepted; only those that hold a published port which another asks for must go before it.
 */
export function inSafeOrder(actions: readonly Action[], view: View): Action[] {
  const wanted = new Set(actions.flatMap((action) => (action.type !== 'remove' && action.kind === 'service' ? publishedPorts(action.object.Spec) : [])));
  return actions
    .map((action) => ({ action, rank: rankOf(action, view, wanted) }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ action }) => action);
}

function rankOf(action: Action, view: View, wanted: ReadonlySet<string>): number {
  if (action.type !== 'remove') return action.kind === 'service' ? 3 : 1;
  if (action.kind !== 'service') return action.kind === 'network' ? 6 : 5;
  const service = view.get('service', action.id);
  return service && publishedPorts(service.Spec).some((port) => wanted.has(port)) ? 2 : 4;
}

function publishedPorts(spec: ServiceSpec): string[] {
  return (spec.EndpointSpec?.Ports ?? []).filter((port) => port.PublishedPort).map((port) => publishedKey(port));
}

/** Route of our own that waiting commands ask: how one version of a service fares, by the daemon's clock. */
import { healthOfService, nodesOf } from '#control/stack/stack-health';
import type { ServiceHealth } from '#model/health/health';
import { namespaceLabel } from '#model/object/meta';
import { supersededBy, wasGivenUp } from '#model/health/superseded';
import type { View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { findOptional, readView, type Context } from '../context.ts';
import { get, parameter, type Call, type Route } from '../router.ts';

export interface ServiceProgress {
  Health?: ServiceHealth;
  /** Another version has taken its place: what did that. */
  Superseded?: string;
}

export function progressRoutes(context: Context): Route[] {
  return [get('/shoal/v1/services/{}/progress', async (call) => ({ status: 200, json: await progress(call, context) }))];
}

async function progress(call: Call, context: Context): Promise<ServiceProgress> {
  const version = Number(call.query.get('version') ?? '0');
  const except = call.query.get('except') ?? '';
  if (!Number.isSafeInteger(version)) throw new HttpError(400, 'version must be the number of a spec');
  if (except !== '' && except !== 'update' && except !== 'rollback') throw new HttpError(400, `unknown except "${except}"`);
  const view = await readView(context);
  const service = findOptional(view, 'service', parameter(call));
  if (!service) return removedBack(view, parameter(call)) ?? { Superseded: 'a removal of the service' };
  const Superseded = supersededBy(service, version);
  if (Superseded !== undefined) return { Superseded };
  const health = healthOfService(view, service, nodesOf(view), context.clock.now(), except === '' ? undefined : except);
  if (!wasGivenUp(service, version)) return { Health: health };
  const message = quarantineOf(view, service.Spec.Labels?.[namespaceLabel] ?? '') ?? 'rolled back with its stack';
  return { Health: { ...health, state: health.state === 'healthy' ? 'degraded' : health.state, message, reasons: [message], rolledBack: true } };
}

/** A service that only a version had which was given up. */
function removedBack(view: View, id: string): ServiceProgress | undefined {
  for (const { Quarantine } of view.list('stack')) {
    if (!Quarantine?.Removed.includes(id)) continue;
    const { Message } = Quarantine;
    return { Health: { state: 'degraded', message: Message, running: 0, wanted: 0, slots: [], reasons: [Message], rolledBack: true } };
  }
  return undefined;
}

function quarantineOf(view: View, stack: string): string | undefined {
  return view.byName('stack', stack)?.Quarantine?.Message;
}

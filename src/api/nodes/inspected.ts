/** Containers as this host's engine shows them, on the cluster's networks where they are tasks: one by itself, and lists. */
import { taskIdLabel } from '#model/object/meta';
import { callTimeoutMs, type EngineClient } from '../engine/engine-client.ts';
import { clusterIdOf, hasOwnNetworks, shownContainer, standIns } from '../engine/stand-ins.ts';
import { HttpError } from '../errors.ts';
import { parseFilters } from '../request/filters.ts';
import type { Answer } from '../router.ts';
import { enginePath, type RequestTarget } from '../target.ts';

type Container = Parameters<typeof hasOwnNetworks>[0] & { Labels?: Readonly<Record<string, string>> | null };

/** The answer to `GET /containers/{}/json`; 404 where this engine does not know it. */
export async function inspectContainer(engine: EngineClient, target: RequestTarget): Promise<Exclude<Answer, 'sent'>> {
  const { status, json } = await asked(engine, target, target.search);
  if (status !== 200 || !hasOwnNetworks(json as Container)) return { status, json };
  return { status, json: shownContainer(json as Container, await standIns(engine)) };
}

/** The answer to `GET /containers/json`. The engine knows no tasks and none of the cluster's networks: what asks for those is said in its words. */
export async function listContainers(engine: EngineClient, target: RequestTarget): Promise<Exclude<Answer, 'sent'>> {
  const query = new URLSearchParams(target.search);
  const filters = new Map(parseFilters(query.get('filters')));
  const isTask = wishOf(filters.get('is-task'));
  filters.delete('is-task');
  const networks = await standIns(engine);
  if (isTask === true) filters.set('label', [...(filters.get('label') ?? []), taskIdLabel]);
  const named = filters.get('network');
  const engineIds = new Map([...networks].map(([id, network]) => [clusterIdOf(network), id]));
  if (named)
    filters.set(
      'network',
      named.map((ref) => engineIds.get(ref) ?? ref),
    );
  if (filters.size > 0) query.set('filters', JSON.stringify(Object.fromEntries(filters)));
  else query.delete('filters');
  const { status, json } = await asked(engine, target, query.size > 0 ? `?${query.toString()}` : '');
  if (status !== 200) return { status, json };
  const wanted = (json as Container[]).filter(({ Labels }) => isTask !== false || Labels?.[taskIdLabel] === undefined);
  return { status, json: wanted.map((container) => shownContainer(container, networks)) };
}

function wishOf(values: readonly string[] | undefined): boolean | undefined {
  const wishes = (values ?? []).map((value) => {
    if (['1', 'true'].includes(value)) return true;
    if (['0', 'false'].includes(value)) return false;
    throw new HttpError(400, `invalid filter 'is-task=[${value}]'`);
  });
  return wishes.includes(true) === wishes.includes(false) ? undefined : wishes.includes(true);
}

async function asked(engine: EngineClient, target: RequestTarget, search: string): Promise<{ status: number; json: unknown }> {
  const { status, text } = await engine.call('GET', enginePath(target, await engine.commonVersion(true)) + search, undefined, callTimeoutMs);
  return { status, json: JSON.parse(text) as unknown };
}

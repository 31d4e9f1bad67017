/** Waits until services have converged, failed or run out of time, and shows how far they are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { equal } from '#base/equal';
import { compareTexts } from '#base/text/text';
import { failuresSince, serviceHealth, type HealthFacts, type ServiceHealth } from '#model/health/health';
import { presentTasks } from '#model/health/present-tasks';
import type { Node } from '#model/object/node';
import { wasRolledBack } from '#model/health/rolled-back';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { ApiError, filters, type Client } from '../client.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { exitCodeOf, isFinal, progressOf, superseded, type Progress } from './verdict.ts';

export interface Watched {
  id: string;
  name: string;
  progress: Progress;
}

export interface WaitTarget {
  ID: string;
  Name: string;
  /** The number of the spec that was deployed, where the daemon is ours and said it. */
  SpecVersion?: number;
  /** The spec that was deployed as a plain Docker stores it; the one that is seen first when absent. */
  Spec?: ServiceSpec;
  /** The deploy left it as it was. */
  untouched?: boolean;
  /** A rollback that was asked for is a success when it is done. */
  asked?: 'rollback';
}

export interface WaitOptions {
  timeoutMs: number;
  /** When the deploy was sent: older failures are history. */
  startedAt: number;
  signal: AbortSignal;
  show(services: readonly Watched[], final: boolean): void;
}

const lookEveryMs = 200;

/** Exit code of the whole: the worst of the services'. Ends when every service has its verdict. */
export async function waitForServices(client: Client, services: readonly WaitTarget[], options: WaitOptions): Promise<number> {
  const atDocker = lookAtDocker(options.startedAt);
  const numbered = services.every(({ SpecVersion }) => SpecVersion !== undefined);
  const deadline = performance.now() + options.timeoutMs;
  const lookAtAll = async (): Promise<Watched[]> => {
    const nodes = numbered ? new Map<string, Node>() : await nodesOf(client);
    const look = (target: WaitTarget): Promise<Progress> => (target.SpecVersion === undefined ? atDocker(client, target, nodes) : lookAtOurs(client, target));
    return await Promise.all(services.map(async (target) => ({ id: target.ID, name: target.Name, progress: await look(target) })));
  };
  for (;;) {
    const watched = await lookAtAll().catch((error: unknown) => {
      if (!mayPass(error)) throw error;
      if (performance.now() >= deadline) throw new CommandError(`${error.message}\nHow far the services are is not known.`, exitCodes.notConverged);
      return undefined;
    });
    if (!watched) {
      await sleep(lookEveryMs, undefined, { signal: options.signal });
      continue;
    }
    const final = performance.now() >= deadline || watched.every(({ progress }) => isFinal(progress));
    options.show(watched, final);
    if (final) return Math.max(...watched.map(({ progress }) => exitCodeOf(progress)), exitCodes.converged);
    await sleep(lookEveryMs, undefined, { signal: options.signal });
  }
}

/** A daemon that starts again, or managers that have no leader just now: what was taken goes on meanwhile. */
function mayPass(error: unknown): error is CommandError {
  return error instanceof ApiError ? error.status === 503 : error instanceof CommandError;
}

async function nodesOf(client: Client): Promise<ReadonlyMap<string, Node>> {
  return new Map((await client.get<Node[]>('/nodes')).map((node) => [node.ID, node]));
}

function exceptOf({ untouched, asked }: WaitTarget): HealthFacts['except'] {
  return untouched ? 'update' : asked;
}

/** A daemon of ours judges itself, by its own clock. */
async function lookAtOurs(client: Client, target: WaitTarget): Promise<Progress> {
  const except = exceptOf(target);
  const query = { version: String(target.SpecVersion ?? 0), ...(except && { except }) };
  const path = `/shoal/v1/services/${encodeURIComponent(target.ID)}/progress`;
  const { Health, Superseded } = await client.get<{ Health?: ServiceHealth; Superseded?: string }>(path, query);
  return Health ? progressOf(Health) : superseded(Superseded ?? 'something else');
}

/** A plain Docker has no numbers of specs: the spec itself says whether it still is the one that was deployed. */
function lookAtDocker(startedAt: number): (client: Client, target: WaitTarget, nodes: ReadonlyMap<string, Node>) => Promise<Progress> {
  const deployed = new Map<string, { spec: ServiceSpec; before: ServiceSpec | undefined }>();
  return async (client, target, nodes) => {
    const service = await client.find<Service>(`/services/${target.ID}`, { insertDefaults: 'false' });
    if (!service) return superseded('a removal of the service');
    const known = deployed.get(target.ID) ?? { spec: target.Spec ?? service.Spec, before: service.PreviousSpec };
    deployed.set(target.ID, known);
    const wentBack = wasRolledBack(service) && (known.before === undefined || equal(service.Spec, known.before));
    if (!wentBack && !equal(service.Spec, known.spec)) return superseded('another change of the service');
    const current = new Set((await client.get<Task[]>('/tasks', filters({ service: [target.ID], '_up-to-date': ['true'] }))).map(({ ID }) => ID));
    // Docker lists them in any order, and its clock is the only hint at theirs.
    const all = (await client.get<Task[]>('/tasks', filters({ service: [target.ID] }))).toSorted((a, b) => compareTexts(a.CreatedAt, b.CreatedAt));
    const except = exceptOf(target);
    const health = serviceHealth({
      service,
      tasks: presentTasks(all, ({ ID }) => current.has(ID)),
      nodes,
      now: Date.now(),
      ...(except && { except }),
    });
    const progress = progressOf(health);
    if (progress.verdict !== 'rolledBack') return progress;
    return { ...progress, reasons: failuresSince(all, startedAt) };
  };
}

/** Waits until services have converged, failed or run out of time, and shows how far they are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '#model/node';
import type { Service } from '#model/service';
import type { Task } from '#model/task';
import { filters, type Client } from '../client.ts';
import { exitCodes } from '../command-error.ts';
import { failuresSince, judge, type Memory, type Progress } from './verdict.ts';

export interface Watched {
  id: string;
  name: string;
  progress: Progress;
}

export interface WaitTarget {
  ID: string;
  Name: string;
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

/** Exit code of the whole: the worst of the services'. Ends early when every service has its verdict or one is failing for good. */
export async function waitForServices(client: Client, services: readonly WaitTarget[], options: WaitOptions): Promise<number> {
  const memories = new Map<string, Memory>(
    services.map(({ ID, untouched = false, asked }) => [ID, { startedAt: options.startedAt, untouched, askedRollback: asked === 'rollback' }]),
  );
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const nodes = await client.get<Node[]>('/nodes');
    const watched = await Promise.all(services.map((service) => look(client, service, nodes, memories.get(service.ID) ?? { startedAt: options.startedAt })));
    const late = Date.now() >= deadline;
    const final = late || watched.every(({ progress }) => isFinal(progress));
    options.show(watched, final);
    if (final) return Math.max(...watched.map(({ progress }) => codeOf(progress)), exitCodes.converged);
    await sleep(lookEveryMs, undefined, { signal: options.signal });
  }
}

async function look(client: Client, { ID, Name }: { ID: string; Name: string }, nodes: readonly Node[], memory: Memory): Promise<Watched> {
  const service = await client.find<Service>(`/services/${ID}`, { insertDefaults: 'false' });
  if (!service)
    return {
      id: ID,
      name: Name,
      progress: { verdict: { state: 'failing', detail: 'the service was removed meanwhile' }, running: 0, wanted: 0, slots: [], reasons: [] },
    };
  const tasks = await client.get<Task[]>('/tasks', filters({ service: [ID], '_up-to-date': ['true'] }));
  const progress = judge(service, tasks, nodes, memory, Date.now());
  if (progress.verdict.state !== 'rolledBack') return { id: ID, name: Name, progress };
  const reasons = failuresSince(await client.get<Task[]>('/tasks', filters({ service: [ID] })), memory.startedAt);
  return { id: ID, name: Name, progress: { ...progress, reasons } };
}

function isFinal({ verdict }: Progress): boolean {
  return verdict.state === 'converged' || verdict.state === 'rolledBack' || verdict.state === 'failing';
}

function codeOf({ verdict }: Progress): number {
  if (verdict.state === 'converged') return exitCodes.converged;
  return verdict.state === 'rolledBack' ? exitCodes.rolledBack : exitCodes.notConverged;
}

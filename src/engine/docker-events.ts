/** The engine's event stream, followed for ever: what happened to containers of ours and to networks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { jsonLines } from './images.ts';
import { nodeIdLabel, taskIdLabel } from '#model/object/meta';

export interface EngineEvent {
  Action?: string;
  Actor?: { ID?: string; Attributes?: Readonly<Record<string, string>> };
}

type Filters = Readonly<Record<string, readonly string[]>>;

const firstDelayMs = 100;
const longestDelayMs = 5000;

/** What changes the state of this node's containers. That one is created knows who had it created. */
export function containerEvents(nodeId: string): Filters {
  return {
    type: ['container'],
    label: [`${nodeIdLabel}=${nodeId}`],
    event: ['start', 'die', 'oom', 'health_status', 'destroy', 'pause', 'unpause'],
  };
}

/** What takes containers off their networks. The engine tells no labels with them, so they are everybody's. */
export const networkEvents: Filters = { type: ['network'], event: ['disconnect', 'destroy'] };

/** The task that a container's event is about. */
export function taskOf({ Actor }: EngineEvent): string | undefined {
  return Actor?.Attributes?.[taskIdLabel];
}

/** Calls `heard` with each event, and without one after each (re)connect: something may have been missed. Ends with `signal`. */
export async function followEvents(docker: Docker, filters: Filters, heard: (event: EngineEvent | undefined) => void, signal: AbortSignal): Promise<void> {
  let delayMs = firstDelayMs;
  while (!signal.aborted) {
    try {
      // The modem takes its options apart: they are made anew for each call.
      const stream = await docker.getEvents({ filters: JSON.stringify(filters), abortSignal: signal });
      delayMs = firstDelayMs;
      heard(undefined);
      for await (const event of jsonLines(stream)) heard(event as EngineEvent);
    } catch {
      // The engine is away or restarting; whoever asks it something hears why.
    }
    if (signal.aborted) return;
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    delayMs = Math.min(2 * delayMs, longestDelayMs);
  }
}

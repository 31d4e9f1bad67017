/** The engine's event stream, followed for ever: what happened to containers of ours. */
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { jsonLines } from './images.ts';
import { nodeIdLabel, taskIdLabel } from '#task/labels';

const events = ['start', 'die', 'oom', 'health_status', 'destroy', 'pause', 'unpause'];
const firstDelayMs = 100;
const longestDelayMs = 5000;

/** Calls `changed` with a task id at each event, and without after each (re)connect: something may have been missed. Ends with `signal`. */
export async function followEvents(docker: Docker, nodeId: string, changed: (taskId: string | undefined) => void, signal: AbortSignal): Promise<void> {
  let delayMs = firstDelayMs;
  while (!signal.aborted) {
    try {
      const filters = { type: ['container'], label: [`${nodeIdLabel}=${nodeId}`], event: events };
      // The modem takes its options apart: they are made anew for each call.
      const stream = await docker.getEvents({ filters: JSON.stringify(filters), abortSignal: signal });
      delayMs = firstDelayMs;
      changed(undefined);
      for await (const event of jsonLines(stream)) {
        const actor = event.Actor as { Attributes?: Record<string, string> } | undefined;
        changed(actor?.Attributes?.[taskIdLabel]);
      }
    } catch {
      // The engine is away or restarting; whoever asks it something hears why.
    }
    if (signal.aborted) return;
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    delayMs = Math.min(2 * delayMs, longestDelayMs);
  }
}

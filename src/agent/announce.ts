/** What a node that goes away says to its managers, in the time that there is. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import type { DispatcherSession } from '#model/object/assignment';
import { withLimit } from './session-loop.ts';

export interface Announcing {
  session: () => DispatcherSession | undefined;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

/** Without a leader nobody can be told. */
const announceLimitMs = 5000;
const announceAgainMs = 20;

/** It comes back soon. Returns whether they were told. */
export function announcePause(parts: Announcing): Promise<boolean> {
  return announce(parts, 'this node comes back soon', (line) => withLimit(line.pause(), parts.clock, parts.signal));
}

/** It leaves: it is given nothing more, and its tasks are replaced while they end here. Returns whether they were told. */
export function announceLeave(parts: Announcing, limitMs: number): Promise<boolean> {
  return announce(parts, 'this node leaves', (line) => withLimit(line.leave(), parts.clock, parts.signal, limitMs));
}

async function announce({ clock, logger, session }: Announcing, what: string, say: (line: DispatcherSession) => Promise<void>): Promise<boolean> {
  let failure = 'no manager can be reached';
  // Whoever led may just have handed over: the session with the next leader comes in a moment.
  for (const end = clock.monotonicNow() + announceLimitMs; clock.monotonicNow() < end; await pause(clock, announceAgainMs)) {
    const line = session();
    if (!line) continue;
    try {
      await say(line);
      return true;
    } catch (error) {
      failure = (error as Error).message;
    }
  }
  logger.warn({ error: failure }, `the managers were not told that ${what}: its tasks are replaced after three missed beats`);
  return false;
}

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
export async function announcePause({ clock, logger, signal, session }: Announcing): Promise<boolean> {
  const failure = await announce({ clock, session }, (line) => withLimit(line.pause(), clock, signal));
  if (failure === undefined) return true;
  logger.warn({ error: failure }, 'the managers were not told that this node comes back soon: its tasks are replaced after three missed beats');
  return false;
}

/** It leaves: it is given nothing more, and its tasks are replaced while they end here. Returns whether they were told. */
export async function announceLeave({ clock, logger, signal, session }: Announcing, limitMs: number): Promise<boolean> {
  const failure = await announce({ clock, session }, (line) => withLimit(line.leave(), clock, signal, limitMs));
  if (failure === undefined) return true;
  logger.warn({ error: failure }, 'the managers were not told that this node leaves: its tasks are replaced after three missed beats');
  return false;
}

/** Returns why it could not be said in time. */
async function announce(
  { clock, session }: Pick<Announcing, 'clock' | 'session'>,
  say: (line: DispatcherSession) => Promise<void>,
): Promise<string | undefined> {
  let failure = 'no manager can be reached';
  // Whoever led may just have handed over: the session with the next leader comes in a moment.
  for (const end = clock.monotonicNow() + announceLimitMs; clock.monotonicNow() < end; await pause(clock, announceAgainMs)) {
    const line = session();
    if (!line) continue;
    try {
      await say(line);
      return undefined;
    } catch (error) {
      failure = (error as Error).message;
    }
  }
  return failure;
}

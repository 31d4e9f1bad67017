/** The options of commands that wait for services, and the wait itself. */
import type { Command } from 'commander';
import { parseDuration, nanosecondsPerMillisecond } from '#base/text/duration';
import { CommandError, exitCodes } from '../command-error.ts';
import { renderer, type Style } from './render.ts';
import { tellResult } from './result.ts';
import { waitForServices, type WaitTarget, type Watched } from './watch.ts';
import type { Session } from '../session.ts';

export interface WaitFlags {
  detach?: boolean;
  quiet?: boolean;
  json?: boolean;
  timeout: string;
}

/** Adds --detach, --quiet, --json and --timeout. */
export function addWaitOptions(command: Command): Command {
  return command
    .option('-d, --detach', 'return at once instead of waiting for the services to converge')
    .option('-q, --quiet', 'show no progress')
    .option('--json', 'show progress as JSON lines; the last one is the result (schemas/result.json)')
    .option('--timeout <duration>', 'how long to wait', '5m');
}

/** Milliseconds; refuses what is no duration before anything is sent. */
export function timeoutOf({ timeout }: WaitFlags): number {
  const nanoseconds = parseDuration(timeout);
  if (nanoseconds === undefined || nanoseconds <= 0) throw new CommandError(`--timeout is a duration such as 90s or 5m, not "${timeout}"`, exitCodes.usage);
  return nanoseconds / nanosecondsPerMillisecond;
}

/** Waits and sets the exit code: `otherwise` where all that is waited for went well. Ctrl-C ends the wait, not the deploy. */
export async function waitAndExit(
  session: Session,
  services: readonly WaitTarget[],
  flags: WaitFlags,
  startedAt: number,
  otherwise: number = exitCodes.converged,
): Promise<void> {
  const style: Style = flags.json ? 'json' : flags.quiet ? 'quiet' : session.terminal.interactive ? 'bars' : 'lines';
  const stop = new AbortController();
  let last: readonly Watched[] = [];
  const tell = (more: { instead?: 'interrupted'; exit?: number } = {}): void => {
    if (flags.json) tellResult(session.terminal, { exit: Number(process.exitCode ?? exitCodes.converged), startedAt, services: last, ...more });
  };
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const render = await renderer(style, session.terminal);
    const show = (watched: readonly Watched[], final: boolean): void => {
      last = watched;
      render(watched, final);
    };
    const code = await waitForServices(session.client, services, { timeoutMs: timeoutOf(flags), startedAt, signal: stop.signal, show });
    process.exitCode = code === exitCodes.converged ? otherwise : code;
    tell();
  } catch (error) {
    if (!stop.signal.aborted) {
      const { message, exitCode } = taken(error);
      tell({ exit: exitCode });
      throw new CommandError(message, exitCode);
    }
    session.terminal.error('The deploy goes on in the background; `shoal stack ps` or `shoal service ps` shows how far it is.');
    tell({ instead: 'interrupted' });
  } finally {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}

/** The deploy was taken, whatever became of the wait: that is no refusal. */
function taken(error: unknown): CommandError {
  if (!(error instanceof Error)) throw error;
  const refused = !(error instanceof CommandError) || error.exitCode === exitCodes.refused;
  return new CommandError(error.message, refused ? exitCodes.notConverged : error.exitCode);
}

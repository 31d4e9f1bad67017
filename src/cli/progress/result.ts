/** The last line of a command that waits, with --json: what came of it, for programs. Its schema is schemas/result.json. */
import { CommandError, exitCodes } from '../command-error.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Watched } from './watch.ts';

/** By exit code; what is none of a wait's is a refusal. */
const words: ReadonlyMap<number, string> = new Map([
  [exitCodes.converged, 'converged'],
  [exitCodes.rolledBack, 'rolled back'],
  [exitCodes.notConverged, 'not converged'],
  [exitCodes.superseded, 'superseded'],
]);

/** `sent`: nobody waited; `interrupted`: somebody stopped waiting, and the deploy goes on. */
export function tellResult(
  terminal: Terminal,
  outcome: { exit: number; startedAt: number; services?: readonly Watched[]; instead?: 'sent' | 'interrupted' },
): void {
  const { exit, startedAt, services = [], instead } = outcome;
  const seconds = Math.round((Date.now() - startedAt) / 100) / 10;
  const shown = services.map(({ name, progress }) => ({
    service: name,
    state: progress.verdict,
    running: progress.running,
    wanted: progress.wanted,
    reasons: progress.reasons,
  }));
  terminal.out(JSON.stringify({ result: instead ?? words.get(exit) ?? 'refused', exit, services: shown, seconds }));
}

/** Runs what a command does; with `json` a refusal ends in a result line too. */
export async function withResult<T>(terminal: Terminal, json: boolean | undefined, startedAt: number, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (json) tellResult(terminal, { exit: error instanceof CommandError ? error.exitCode : exitCodes.refused, startedAt });
    throw error;
  }
}

/** What a wait says of one service: the one verdict on its health, and whether it still is the version that was deployed. */
import type { ServiceHealth } from '#model/health/health';
import { exitCodes } from '../command-error.ts';

export type Verdict = 'waiting' | 'verifying' | 'converged' | 'rolledBack' | 'failing' | 'superseded';

export interface Progress {
  verdict: Verdict;
  detail: string;
  running: number;
  wanted: number;
  slots: ServiceHealth['slots'];
  /** Distinct reasons of tasks that failed or cannot go on. */
  reasons: readonly string[];
}

export function progressOf(health: ServiceHealth): Progress {
  const { running, wanted, slots, reasons, message } = health;
  return { verdict: verdictOf(health), detail: message, running, wanted, slots, reasons };
}

/** `by` is what took the place of the version. */
export function superseded(by: string): Progress {
  return { verdict: 'superseded', detail: `superseded by ${by}`, running: 0, wanted: 0, slots: [], reasons: [] };
}

function verdictOf({ state, rolledBack, verifyingMs }: ServiceHealth): Verdict {
  if (state === 'failing') return 'failing';
  if (rolledBack) return 'rolledBack';
  if (state === 'healthy') return 'converged';
  return verifyingMs === undefined ? 'waiting' : 'verifying';
}

/** Nothing that follows changes it. */
export function isFinal({ verdict }: Progress): boolean {
  return verdict !== 'waiting' && verdict !== 'verifying';
}

export function exitCodeOf({ verdict }: Progress): number {
  if (verdict === 'converged') return exitCodes.converged;
  if (verdict === 'superseded') return exitCodes.superseded;
  return verdict === 'rolledBack' ? exitCodes.rolledBack : exitCodes.notConverged;
}

/** The engine's refusals as outcomes: its own text, and whether trying again can help. */
import type { StepOutcome } from '#task/step';

export const done: StepOutcome = { ok: true };

/** What dockerode throws: the modem adds these to an Error. */
interface ModemError extends Error {
  statusCode?: number;
  json?: { message?: string } | null;
}

/** HTTP status of a refusal; undefined when the engine was not reached. */
export function statusOf(error: unknown): number | undefined {
  return (error as ModemError).statusCode;
}

/** The engine's text without the client's wrapping. */
export function textOf(error: unknown): string {
  const { message, json } = error as ModemError;
  if (json?.message) return json.message.trim();
  return message.replace(/^\(HTTP code \d+\) .*? - /s, '').trim();
}

/** Answers end an attempt for good, as in Swarm; silence, 503 and aborts are tried again. */
export function failed(error: unknown, prefix = ''): StepOutcome {
  const status = statusOf(error);
  const away = status === undefined && isLineBroken(error);
  return { ok: false, permanent: status !== undefined && status !== 503, message: prefix + textOf(error), ...(away && { away }) };
}

/** Nobody listens at the engine's socket, or who did has ended in the middle. */
export function isLineBroken(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === 'connect' || code === 'ECONNRESET' || code === 'EPIPE';
}

export function refused(message: string): StepOutcome {
  return { ok: false, permanent: true, message };
}

export function notYet(message: string): StepOutcome {
  return { ok: false, permanent: false, message };
}

/** Which program the daemon of this host runs, as one file of the state folder says it: the one that is installed, or a release that was fetched. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestForm } from '#model/release/release';
import { writeDurably } from '../state/write-durably.ts';

export interface Choice {
  /** Of this file: launchers of other versions read it. */
  format: 1;
  /** Version of the installed program by which it was made: another one that somebody installs by hand counts more. */
  installed: string;
  /** Digest of the release that runs; absent: the installed program. */
  chosen?: string;
  /** What ran before, and runs again where the chosen one fails; absent: the installed program. */
  before?: string;
  /** It has not come to serve yet, and was started so often. */
  probation?: { attempt: number; starts: number };
  /** What was given up, and why. */
  failed?: { digest: string; attempt: number; text: string };
}

/** In the state folder. */
export const choiceFile = 'release.json';
const mostStarts = 2;

/** What the launcher says to the daemon that it starts, of whatever version each is. */
export interface Launched {
  /** Version of the installed program. */
  installed: string;
  /** Digest of the release that is started; absent: the installed program. */
  release?: string;
}

/** Where a release lies in the state folder. */
export function releaseFolder(state: string, digest: string): string {
  return join(state, 'releases', digest);
}

/** undefined where there is none, or none that this program understands: then the installed one runs. */
export function readChoice(state: string): Choice | undefined {
  try {
    return checked(JSON.parse(readFileSync(join(state, choiceFile), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Durable when it returns. Throws what the disk says. */
export function writeChoice(state: string, choice: Choice): void {
  writeDurably(join(state, choiceFile), `${JSON.stringify(choice)}\n`);
}

/** A digest becomes a path. */
function checked(value: unknown): Choice | undefined {
  const { format, installed, chosen, before } = (value ?? {}) as Partial<Choice>;
  if (format !== 1 || typeof installed !== 'string') return undefined;
  return [chosen, before].every((digest) => digest === undefined || digestForm.test(digest)) ? (value as Choice) : undefined;
}

/**
 * What is to be started now, and what is to be noted before. A release on probation is started twice, and given up then.
 * @param installed version of the installed program
 * @param isThere whether a release's files are
 */
export function startOf(choice: Choice | undefined, installed: string, isThere: (digest: string) => boolean): { run?: string; note?: Choice } {
  if (!choice?.chosen) return {};
  if (choice.installed !== installed) return { note: { format: 1, installed } };
  if (!isThere(choice.chosen)) return fallBack(choice, 'its files are gone', isThere);
  const { probation } = choice;
  if (!probation) return { run: choice.chosen };
  if (probation.starts >= mostStarts) return fallBack(choice, `it was started ${mostStarts} times and did not come to serve`, isThere);
  return { run: choice.chosen, note: { ...choice, probation: { ...probation, starts: probation.starts + 1 } } };
}

function fallBack(choice: Choice, text: string, isThere: (digest: string) => boolean): { run?: string; note: Choice } {
  const { chosen = '', before, probation, installed } = choice;
  const failed = { digest: chosen, attempt: probation?.attempt ?? 0, text: `${text}: what ran before runs again` };
  const run = before !== undefined && isThere(before) ? before : undefined;
  return { ...(run !== undefined && { run }), note: { format: 1, installed, ...(run !== undefined && { chosen: run }), failed } };
}

/** The choice when `digest` is to run from the next start on. `running`: what runs now, and has proven itself. */
export function chosenNext(before: Choice | undefined, installed: string, digest: string, attempt: number): Choice {
  const proven = before?.probation ? before.before : before?.chosen;
  return { format: 1, installed, chosen: digest, ...(proven !== undefined && { before: proven }), probation: { attempt, starts: 0 } };
}

/** It serves: it is kept over restarts from now on. */
export function proven({ probation: _over, failed: _past, ...choice }: Choice): Choice {
  return choice;
}

/** An orderly end is no failure of the release. */
export function endedWell(choice: Choice): Choice {
  return choice.probation ? { ...choice, probation: { ...choice.probation, starts: 0 } } : choice;
}

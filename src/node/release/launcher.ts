/** Entry of `shoal daemon`: starts the installed daemon, or the release that was chosen for this host, and goes back to the one before where that fails. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { programVersion } from '#base/version';
import { usualState } from '../state/instance.ts';
import { choiceFile, type Launched, readChoice, releaseFolder, startOf, writeChoice } from './choice.ts';

/** A release that does not serve so long after its start is ended: its next start is another's. */
const probationMs = 5 * 60_000;

/** Runs the daemon that is chosen with `args` (`daemon` first). */
export async function main(args: readonly string[]): Promise<void> {
  const state = stateOf(args.slice(1), process.env);
  const digest = state === undefined ? undefined : chosenIn(state);
  const file = state === undefined || digest === undefined ? new URL('./daemon.mjs', import.meta.url) : pathToFileURL(daemonOf(state, digest));
  if (state !== undefined && digest !== undefined && readChoice(state)?.probation) watch(state);
  const daemon = (await import(file.href)) as { main: (args: readonly string[], launched: Launched) => Promise<void> };
  await daemon.main(args, { installed: programVersion, ...(digest !== undefined && { release: digest }) });
}

function daemonOf(state: string, digest: string): string {
  return join(releaseFolder(state, digest), '.build', 'daemon.mjs');
}

/** undefined: what is asked for runs no node. What is not understood here is the daemon's to refuse: it may be a later one. */
function stateOf(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { state: text, target: text, 'systemd-unit': flag, help: { type: 'boolean', short: 'h' } } as const;
  const { values } = parseArgs({ args: [...args], options, strict: false });
  if (values.help || values['systemd-unit'] || (values.target ?? environment['SHOAL_TARGET']) === 'docker') return undefined;
  const state = values.state ?? environment['SHOAL_STATE'] ?? usualState;
  return typeof state === 'string' ? resolve(state) : undefined;
}

/** What cannot be noted is not tried: a release whose starts nobody counts would be started for ever. */
function chosenIn(state: string): string | undefined {
  const choice = readChoice(state);
  const { run, note } = startOf(choice, programVersion, (digest) => existsSync(daemonOf(state, digest)));
  try {
    if (note) writeChoice(state, note);
    return run;
  } catch (error) {
    process.stderr.write(`the start of release ${choice?.chosen ?? ''} cannot be noted, and what ran before is started: ${(error as Error).message}\n`);
    return choice?.probation ? choice.before : run;
  }
}

/** In a thread of its own: a release whose loop hangs is ended, too. Whoever serves by then has ended his probation. */
function watch(state: string): void {
  const data = { path: join(state, choiceFile), ms: probationMs };
  new Worker(watchman, { eval: true, workerData: data }).unref();
}

const watchman = `const { workerData: { path, ms } } = require('node:worker_threads');
const fs = require('node:fs');
const isOnProbation = () => { try { return JSON.parse(fs.readFileSync(path, 'utf8')).probation !== undefined; } catch { return false; } };
setTimeout(() => {
  if (!isOnProbation()) return;
  fs.writeSync(2, 'this release has not come to serve in time and is ended: started again, or given up\\n');
  process.kill(process.pid, 'SIGKILL');
}, ms);`;

/** Runs the kernel's tools: nft, ip, bridge, iptables, conntrack. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { runInShell } from './tools/tool-shells.ts';

export interface RunResult {
  /** Exit code; `missing` when there is no such command. */
  code: number | 'missing';
  stdout: string;
  stderr: string;
}

/** Tables of 2,000 services stay far below. */
const tablesBytes = 64 * 1024 * 1024;

export interface RunOptions {
  timeoutMs: number;
  input?: string;
  /** Of each of both streams: who writes more is killed. */
  outputLimitBytes?: number;
}

/**
 * Runs `command`, with `input` on its standard input; no word of it means anything to a shell. A failing command is a result; only the caller knows what it means.
 * Killed after `timeoutMs`, with code 124, and with it whatever it has started: what is to outlive it is for `runApart`.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const place = placeOf(command);
  if (place === undefined || [...args, options.input ?? ''].some((word) => word.includes('\0'))) return await runApart(command, args, options);
  const answer = await runInShell(place, args, { outputLimitBytes: tablesBytes, ...options }, toolEnvironment);
  if (!answer) return await runApart(command, args, options);
  const { killed, ...result } = answer;
  return killed ? { ...result, stderr: lateText(command, options.timeoutMs) } : result;
}

/** The same as a process of its own, a child of this one: dearer, by some milliseconds for each hundred megabytes that this one has. */
export function runApart(command: string, args: readonly string[], { timeoutMs, input, outputLimitBytes = tablesBytes }: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    const options = {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: outputLimitBytes,
      env: toolEnvironment(),
    } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) resolve({ code: 0, stdout, stderr });
      else if (error.code === 'ENOENT') resolve({ code: 'missing', stdout, stderr: `${command} is not installed` });
      else if (error.killed) resolve({ code: 124, stdout, stderr: lateText(command, timeoutMs) });
      else resolve({ code: typeof error.code === 'number' ? error.code : 1, stdout, stderr: stderr || error.message });
    });
    if (input === undefined) return;
    // A command that ends before it has read all says so by its code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function lateText(command: string, timeoutMs: number): string {
  return `${command} did not end within ${timeoutMs} ms`;
}

/** Commands for a tool that reads them from its standard input, one a line. Throws for one that would be several, whatever it was made of. */
export function batchInput(lines: readonly string[]): string {
  const several = lines.find((line) => /\p{Cc}/u.test(line));
  if (several !== undefined) throw new Error(`this is no line for a tool of the kernel: ${JSON.stringify(several)}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Whether `run` would find `command`. */
export function isInstalled(command: string): boolean {
  return placeOf(command) !== undefined;
}

/** Command → where it was found, of one search path. */
const found = { path: '', places: new Map<string, string>() };

/** Asked at once: to hand some dozens of such looks to other threads takes ten times as long. Where it was found before is asked first: a tool runs for each container that starts. */
function placeOf(command: string): string | undefined {
  const path = searchPath();
  if (found.path !== path) found.places.clear();
  found.path = path;
  const known = found.places.get(command);
  if (known !== undefined && isProgram(known)) return known;
  const place = path
    .split(':')
    .map((folder) => join(folder, command))
    .find(isProgram);
  if (place !== undefined) found.places.set(command, place);
  return place;
}

function isProgram(place: string): boolean {
  try {
    accessSync(place, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The tools are in folders that users' sessions often leave out. */
function searchPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter(Boolean).join(':');
}

/** A copy of this process's environment, which costs as much as a tool: for processes that are started. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: searchPath(), LC_ALL: 'C' };
}

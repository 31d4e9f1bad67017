/** Runs git within bounds: memory, size of files, output, silence and time. A breach ends its whole process group. */
import { spawn, type ChildProcess } from 'node:child_process';
import { Refusal } from '#base/refusal';
import { killGroup } from '../process-group.ts';

export interface GitBounds {
  /** Largest file that git may write. */
  fileBytes: number;
  /** Bytes on standard output. */
  outputBytes: number;
  /** Git that neither says anything nor makes progress for so long is ended. */
  silenceMs: number;
  totalMs: number;
  /** Why it may not go on. */
  trouble?: () => Promise<string | undefined>;
  /** A figure that grows while work is done in silence. */
  progress?: () => Promise<number>;
}

export interface GitCall {
  folder: string;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
  bounds: GitBounds;
  input?: string | Uint8Array;
}

/** Hears of process groups as they come and go. */
export type GroupListener = (pid: number, alive: boolean) => void;

/** Address space of each process of git; pack files are read through small windows (`commonSettings`). */
const memoryKiB = 768 * 1024;
/** What is said beside the output: progress and a server's messages. */
const saidBytes = 1024 * 1024;
const saidKeptCharacters = 8 * 1024;
const checkedEveryMs = 500;
const blockBytes = 512;

/** For every command: nothing of a repository is run, nothing is asked, objects are checked, memory is bounded. */
const commonSettings = [
  'protocol.ext.allow=never',
  'protocol.file.allow=user',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'core.packedGitWindowSize=8m',
  'core.packedGitLimit=64m',
  'core.deltaBaseCacheLimit=16m',
  'core.bigFileThreshold=4m',
  'pack.windowMemory=32m',
  'pack.deltaCacheSize=16m',
  'pack.threads=1',
];

export function settings(more: readonly string[] = []): string[] {
  return [...commonSettings, ...more].flatMap((setting) => ['-c', setting]);
}

/** A git that leads a group of its own, under limits that the kernel holds. */
export function spawnGit(
  args: readonly string[],
  call: Pick<GitCall, 'folder' | 'environment'> & { /** A fourth stream, open to all that it starts. */ line?: boolean },
  fileBytes: number,
  groups: GroupListener,
): ChildProcess {
  const script = 'ulimit -v "$1" && ulimit -f "$2" && ulimit -c 0 && shift 2 && exec git "$@"';
  const limits = [String(memoryKiB), String(Math.max(1, Math.floor(fileBytes / blockBytes)))];
  const child = spawn('sh', ['-c', script, 'git', ...limits, '-C', call.folder, ...args], {
    env: call.environment,
    detached: true,
    stdio: call.line ? ['pipe', 'pipe', 'pipe', 'pipe'] : 'pipe',
  });
  const { pid } = child;
  if (pid !== undefined) {
    groups(pid, true);
    // What a dead git left behind goes too.
    child.once('exit', () => killGroup(pid));
    child.once('close', () => groups(pid, false));
  }
  return child;
}

/** Standard output of one command. Throws a Refusal with git's own words, or with the bound that it broke. */
export async function runGit(args: readonly string[], call: GitCall, groups: GroupListener): Promise<string> {
  return (await gitBytes(args, call, groups)).toString('utf8');
}

export function gitBytes(args: readonly string[], call: GitCall, groups: GroupListener): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (call.signal.aborted) return reject(new Refusal('unavailable', 'the look was ended'));
    const child = spawnGit(args, call, call.bounds.fileBytes, groups);
    const watched = new Watched(child, call.bounds);
    const stop = (): void => watched.end('the look was ended');
    call.signal.addEventListener('abort', stop, { once: true });
    child.once('error', (error) => watched.end(`git cannot be run: ${error.message}`));
    child.once('close', (code, signal) => {
      call.signal.removeEventListener('abort', stop);
      watched.close();
      if (code === 0 && watched.broken === undefined) return resolve(watched.output());
      reject(new GitFailure(watched.broken, watched.said, code, signal));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(call.input ?? '');
  });
}

export class GitFailure extends Error {
  override readonly name = 'GitFailure';
  constructor(
    /** The bound that was broken. */
    readonly broken: string | undefined,
    /** The last of what git and the server said. */
    readonly said: string,
    readonly code: number | null,
    readonly signal: string | null,
  ) {
    super(broken ?? `git ended with ${code ?? signal ?? 'an error'}: ${said.slice(-200)}`);
  }
}

class Watched {
  readonly #child: ChildProcess;
  readonly #bounds: GitBounds;
  readonly #parts: Buffer[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #outputBytes = 0;
  #saidBytes = 0;
  #lastAt = performance.now();
  #lastProgress = 0;
  said = '';
  broken: string | undefined;

  constructor(child: ChildProcess, bounds: GitBounds) {
    this.#child = child;
    this.#bounds = bounds;
    child.stdout?.on('data', (part: Buffer) => this.#heard(part));
    child.stderr?.on('data', (part: Buffer) => this.#told(part));
    this.#timer = setInterval(() => void this.#check(), Math.min(checkedEveryMs, bounds.silenceMs / 2));
  }

  output(): Buffer {
    return Buffer.concat(this.#parts);
  }

  end(reason: string): void {
    this.broken ??= reason;
    if (this.#child.pid !== undefined) killGroup(this.#child.pid);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #heard(part: Buffer): void {
    this.#lastAt = performance.now();
    this.#outputBytes += part.length;
    if (this.#outputBytes > this.#bounds.outputBytes) this.end(`git says more than ${this.#bounds.outputBytes} bytes`);
    else this.#parts.push(part);
  }

  #told(part: Buffer): void {
    this.#lastAt = performance.now();
    this.#saidBytes += part.length;
    this.said = (this.said + part.toString('utf8')).slice(-saidKeptCharacters);
    if (this.#saidBytes > saidBytes) this.end(`the server sends more than ${saidBytes} bytes of messages`);
  }

  async #check(): Promise<void> {
    const now = performance.now();
    const { silenceMs, totalMs, progress, trouble } = this.#bounds;
    if (now - this.#startedAt > totalMs) return this.end(`it takes longer than ${seconds(totalMs)}`);
    const reason = await trouble?.();
    if (reason !== undefined) return this.end(reason);
    const figure = (await progress?.()) ?? 0;
    if (figure !== this.#lastProgress) this.#lastAt = now;
    this.#lastProgress = figure;
    if (now - this.#lastAt > silenceMs) this.end(`nothing came for ${seconds(silenceMs)}`);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

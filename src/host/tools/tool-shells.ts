/**
 * Shells that start the kernel's tools for us, one tool at a time each, and are kept: to start a process, this one would be copied,
 * which takes as long as it is large, several times what most tools take; a shell is small.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { shellQuoted } from '#base/text/shell-words';

export interface ShellAnswer {
  /** Exit code. */
  code: number;
  stdout: string;
  stderr: string;
  /** It was killed, after `timeoutMs` or for what it wrote. */
  killed?: true;
}

export interface ShellRun {
  timeoutMs: number;
  input?: string;
  /** Of each of both streams. */
  outputLimitBytes: number;
}

/** More tools at a time are started without a shell. */
const mostShells = 8;
const keptIdle = 4;
/** Characters. */
const longestMark = 64;

const idle: ToolShell[] = [];
let all = 0;

/** Runs a command by its path; undefined where no shell is free for it. */
export async function runInShell(command: string, args: readonly string[], options: ShellRun, env: () => NodeJS.ProcessEnv): Promise<ShellAnswer | undefined> {
  const shell = idle.pop() ?? newShell(env);
  if (!shell) return undefined;
  const answer = await shell.run(command, args, options);
  if (!shell.alive) return answer;
  if (idle.length < keptIdle) idle.push(shell);
  else shell.end();
  return answer;
}

function newShell(env: () => NodeJS.ProcessEnv): ToolShell | undefined {
  if (all >= mostShells) return undefined;
  all += 1;
  const shell: ToolShell = new ToolShell(env(), () => {
    all -= 1;
    if (idle.includes(shell)) idle.splice(idle.indexOf(shell), 1);
  });
  return shell;
}

type Outcome = Pick<ShellAnswer, 'code'> & Partial<ShellAnswer>;

interface Running {
  stdout: Collected;
  stderr: Collected;
  done(answer: ShellAnswer): void;
}

class ToolShell {
  readonly #child: ChildProcessWithoutNullStreams;
  /** Ends what a tool writes; nobody can know it before. */
  readonly #mark = randomBytes(16).toString('hex');
  readonly #ended: () => void;
  #running: Running | undefined;
  alive = true;

  /** `ended` is told once, when it takes no more. */
  constructor(env: NodeJS.ProcessEnv, ended: () => void) {
    this.#ended = ended;
    // A group of its own, so that a tool that hangs is killed with all that it has started.
    this.#child = spawn('/bin/sh', [], { stdio: 'pipe', env, detached: true });
    const gone = (): void => this.#gone({ code: 1, stderr: 'the shell that started it has ended' });
    this.#child.once('error', gone);
    this.#child.once('exit', gone);
    // Without descriptors for them there are none; the error comes in a moment.
    for (const stream of this.#streams()) stream?.on('error', () => undefined);
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#heard('stdout', chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#heard('stderr', chunk));
    this.#hold(false);
  }

  run(command: string, args: readonly string[], { timeoutMs, input, outputLimitBytes }: ShellRun): Promise<ShellAnswer> {
    return new Promise((resolve) => {
      const kill = (): void => this.#kill();
      const timer = setTimeout(kill, timeoutMs);
      this.#hold(true);
      this.#running = {
        stdout: new Collected(new RegExp(`\\n${this.#mark} (\\d+)\\n$`), outputLimitBytes, kill),
        stderr: new Collected(new RegExp(`\\n${this.#mark}\\n$`), outputLimitBytes, kill),
        done: (answer) => {
          clearTimeout(timer);
          this.#hold(false);
          resolve(answer);
        },
      };
      // Where this process is gone by then, nobody else ends a tool that goes on working.
      const words = `(ulimit -t ${Math.ceil(timeoutMs / 1000)}; exec ${[command, ...args].map(shellQuoted).join(' ')})`;
      const line = (input ?? '') === '' ? `${words} </dev/null` : `printf %s ${shellQuoted(input ?? '')} | ${words}`;
      if (this.#child.pid === undefined) return;
      this.#child.stdin.write(`${line}\ncode=$?; printf '\\n%s %s\\n' ${this.#mark} $code; printf '\\n%s\\n' ${this.#mark} >&2\n`);
    });
  }

  /** By itself, as it does when this process ends. */
  end(): void {
    this.#child.stdin.end();
  }

  #kill(): void {
    const { pid } = this.#child;
    this.#gone({ code: 124, killed: true });
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }

  #gone(outcome: Outcome): void {
    if (!this.alive) return;
    this.alive = false;
    this.#ended();
    this.#finish(outcome);
  }

  #heard(from: 'stdout' | 'stderr', chunk: Buffer): void {
    const running = this.#running;
    if (!running) return;
    running[from].add(chunk);
    const code = running.stdout.end?.[1];
    if (code !== undefined && running.stderr.end) this.#finish({ code: Number(code) });
  }

  #finish(outcome: Outcome): void {
    const running = this.#running;
    this.#running = undefined;
    running?.done({ stdout: running.stdout.text(), stderr: running.stderr.text(), ...outcome });
  }

  /** Whether this process waits for it. */
  #hold(held: boolean): void {
    const parts = [this.#child, ...this.#streams()];
    for (const part of parts) {
      if (held) part?.ref();
      else part?.unref();
    }
  }

  #streams(): (Socket | null)[] {
    const { stdin, stdout, stderr } = this.#child;
    return [stdin, stdout, stderr] as unknown as (Socket | null)[];
  }
}

/** What a stream has brought, until its mark. */
class Collected {
  readonly #mark: RegExp;
  readonly #limitBytes: number;
  readonly #exceeded: () => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  /** The last of it, as long as a mark may be. */
  #tail = '';
  end: RegExpExecArray | undefined;

  constructor(mark: RegExp, limitBytes: number, exceeded: () => void) {
    this.#mark = mark;
    this.#limitBytes = limitBytes;
    this.#exceeded = exceeded;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#tail = (this.#tail + chunk.subarray(-longestMark).toString('latin1')).slice(-longestMark);
    this.end = this.#mark.exec(this.#tail) ?? undefined;
    if (!this.end && this.#bytes > this.#limitBytes + longestMark) this.#exceeded();
  }

  /** Without the mark. */
  text(): string {
    return Buffer.concat(this.#chunks)
      .subarray(0, this.#bytes - (this.end?.[0].length ?? 0))
      .toString('utf8');
  }
}

/** One worker process: asked by number, watched while it works, and ended with all that it started when it breaks a bound. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Refusal } from '#base/refusal';
import { encodeFrame, FrameReader } from './frames.ts';
import { killGroup } from './process-group.ts';
import { largestAnswerBytes, parseAnswer, type WorkerAnswer, type WorkerRequest } from './protocol.ts';

export interface WorkerBounds {
  /** Resident memory of the process itself; git has bounds of its own. */
  memoryBytes: number;
  /** Processor time between two words about a request; absent: not bounded. */
  cpuMs?: number;
  /** Processor time of all requests since there was none: of each, where one is asked after the other; absent: not bounded. */
  wholeCpuMs?: number;
  /** Time between two words about any request. */
  silenceMs: number;
  /** Without a request for so long it ends: what it holds in memory is there for nobody. */
  idleMs: number;
  /** It renders: it gets ready for that before it is asked. */
  renders?: boolean;
}

/** A bound was broken. */
export class WorkerBreach extends Error {
  override readonly name = 'WorkerBreach';
  constructor(
    message: string,
    /** The name of the stack that was worked on. */
    readonly workedOn: string | undefined,
  ) {
    super(message);
  }
}

/** A request before it has its number. */
export type Question = WorkerRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

interface Pending {
  heard: (answer: WorkerAnswer, bytes: number) => void;
  resolve: (answer: WorkerAnswer) => void;
  reject: (error: Error) => void;
  /** The stack that is worked on. */
  begun: string | undefined;
}

const checkedEveryMs = 200;
const heapMiB = 512;
/** Rendering leaves much behind at once: with the usual 1 MiB a third of its time went into collecting that. */
const youngMiB = 16;
/** Most of what a worker runs it runs a few times, and what it leaves behind goes with it: to compile that for speed, and to collect once more when nothing happens, took a quarter of its processor time. */
const sparing = ['--interrupt-budget=700000', '--no-memory-reducer'];
const ticksPerSecond = 100;
const pageBytes = 4096;
const finalTypes: ReadonlySet<string> = new Set(['fetched', 'rewritten', 'done', 'recalled', 'commits', 'rendered', 'refused']);

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #bounds: WorkerBounds;
  readonly #pending = new Map<number, Pending>();
  readonly #groups = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;
  #heardAt = 0;
  #cpuMs: number | undefined;
  /** When it had nothing to do last. */
  #restedCpuMs: number | undefined;
  #ended: Error | undefined;
  /** Requests served so far. */
  served = 0;
  /** Resident memory when it was looked at last. */
  memoryBytes = 0;

  /** `program` is the worker's own entry. */
  constructor(program: string, bounds: WorkerBounds) {
    this.#bounds = bounds;
    const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/' };
    this.#child = spawn(
      process.execPath,
      [`--max-old-space-size=${heapMiB}`, ...sparing, ...(bounds.renders ? [`--min-semi-space-size=${youngMiB}`, program, 'render'] : [program])],
      {
        env: environment,
        detached: true,
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    const reader = new FrameReader(largestAnswerBytes, (value, bytes) => this.#heard(parseAnswer(value), bytes));
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#breach((error as Error).message);
      }
    });
    this.#child.stdout?.on('error', () => {});
    this.#child.stdin?.on('error', () => {});
    this.#child.once('error', (error) => this.#end(new Refusal('unavailable', `a worker process cannot be started: ${error.message}`)));
    this.#child.once('exit', (code, signal) => this.#end(new WorkerBreach(`a worker process ended with ${code ?? signal ?? 'an error'}`, this.#working())));
    // Nobody may ever come.
    this.#rest();
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  get busy(): number {
    return this.#pending.size;
  }

  /** The last word about a request; those before it go to `heard`, with their bytes. Throws a Refusal, or a WorkerBreach when the process had to be ended. */
  async ask(question: Question, signal: AbortSignal, heard: Pending['heard'] = () => {}): Promise<WorkerAnswer> {
    if (this.#ended) throw this.#ended;
    const id = (this.#lastId += 1);
    const cancel = (): void => this.#send({ id, type: 'cancel' });
    this.served += 1;
    clearTimeout(this.#idle);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
        this.#pending.set(id, { heard, resolve, reject, begun: undefined });
        this.#watch();
        this.#send({ id, ...question });
      });
      if (answer.type === 'refused') throw new Refusal(answer.code, answer.message);
      return answer;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#pending.delete(id);
      if (this.#pending.size === 0) this.#rest();
    }
  }

  #rest(): void {
    this.#unwatch();
    if (!this.#ended) this.#idle = setTimeout(() => this.kill(), this.#bounds.idleMs).unref();
  }

  /** Ends the process and all that it started. */
  kill(): void {
    this.#end(new Refusal('unavailable', 'the worker process was ended'));
  }

  #send(request: WorkerRequest): void {
    if (!this.#ended) this.#child.stdin?.write(encodeFrame(request));
  }

  #heard(answer: WorkerAnswer, bytes: number): void {
    this.#heardAt = performance.now();
    this.#cpuMs = undefined;
    if (answer.type === 'group') {
      if (answer.alive) this.#groups.add(answer.pid);
      else this.#groups.delete(answer.pid);
      return;
    }
    const pending = this.#pending.get(answer.id);
    if (!pending) return;
    if (finalTypes.has(answer.type)) return pending.resolve(answer);
    if (answer.type === 'begun') pending.begun = answer.name;
    pending.heard(answer, bytes);
  }

  #working(): string | undefined {
    return [...this.#pending.values()].find(({ begun }) => begun !== undefined)?.begun;
  }

  #breach(reason: string): void {
    this.#end(new WorkerBreach(reason, this.#working()));
  }

  #end(error: Error): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#unwatch();
    clearTimeout(this.#idle);
    for (const pid of [this.#child.pid, ...this.#groups]) if (pid !== undefined) killGroup(pid);
    for (const { reject } of this.#pending.values()) reject(error);
  }

  #watch(): void {
    if (this.#timer) return;
    this.#heardAt = performance.now();
    this.#timer = setInterval(() => void this.#check(), checkedEveryMs);
  }

  #unwatch(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#cpuMs = undefined;
    this.#restedCpuMs = undefined;
  }

  async #check(): Promise<void> {
    const { memoryBytes, cpuMs, wholeCpuMs, silenceMs } = this.#bounds;
    const used = await usage(this.#child.pid);
    if (!used || this.#ended || !this.#timer) return;
    this.memoryBytes = used.memoryBytes;
    this.#cpuMs ??= used.cpuMs;
    this.#restedCpuMs ??= used.cpuMs;
    // No one stack is to blame for what all of them take.
    if (wholeCpuMs !== undefined && used.cpuMs - this.#restedCpuMs > wholeCpuMs)
      return this.#end(new WorkerBreach(`its stacks take more than ${wholeCpuMs / 1000} s of processor time together`, undefined));
    if (used.memoryBytes > memoryBytes) return this.#breach(`it takes more than ${Math.round(memoryBytes / 1024 / 1024)} MiB of memory`);
    if (cpuMs !== undefined && used.cpuMs - this.#cpuMs > cpuMs) return this.#breach(`it takes more than ${cpuMs / 1000} s of processor time`);
    if (performance.now() - this.#heardAt > silenceMs) this.#breach(`it does not end within ${silenceMs / 1000} s`);
  }
}

/** What the kernel says of a process; nothing once it is gone. */
async function usage(pid: number | undefined): Promise<{ memoryBytes: number; cpuMs: number } | undefined> {
  try {
    const [memory, times] = await Promise.all([readFile(`/proc/${pid}/statm`, 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
    // The name of the program stands in brackets and may hold anything.
    const fields = times.slice(times.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { memoryBytes: Number(memory.split(' ')[1]) * pageBytes, cpuMs: (ticks * 1000) / ticksPerSecond };
  } catch {
    return undefined;
  }
}

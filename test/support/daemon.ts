/** A daemon on a test host as its owner runs it: `bin/shoal daemon`, and the commands that people give it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endResolvers } from './end-resolvers.mjs';
import { type Host, until } from './machine.mjs';

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Given to standard input. */
  input?: string;
  /** Sent to the command after this time, or once it has said something like that; the command is then waited for. */
  signalAfter?: { ms?: number; said?: RegExp; signal: NodeJS.Signals };
  environment?: Record<string, string>;
  /** A command that takes longer hangs; absent: as long as ours may take. */
  limitMs?: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
export const ownProgram = join(root, 'bin/shoal');
/** A command that hangs fails its test with what it said so far, not with a bare timeout. */
const commandLimitMs = 90_000;

export class HostDaemon {
  readonly folder: string;
  readonly socket: string;
  readonly state: string;
  readonly log: string;
  /** Secrets of running tasks; in memory. */
  readonly runFolder: string;
  #process: ChildProcess | undefined;

  /** `name` keeps daemons of one host apart. */
  constructor(
    readonly host: Host,
    readonly name = 'a',
    readonly flags: readonly string[] = [],
    /** Command that runs the rest of its line: for a daemon that sees other folders than its host does. */
    readonly wrap: readonly string[] = [],
    /** The program, where it is not that of this folder. */
    public program = ownProgram,
  ) {
    this.folder = join(host.folder, `daemon-${name}`);
    this.socket = join(this.folder, 'run', 'shoal.sock');
    this.state = join(this.folder, 'state');
    this.log = join(this.folder, 'log');
    this.runFolder = `/dev/shm/${host.name}-${name}`;
    mkdirSync(this.folder);
  }

  get environment(): Record<string, string> {
    return { SHOAL_HOST: `unix://${this.socket}`, DOCKER_HOST: `unix://${this.socket}` };
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Whether the process that was started last is still there. */
  get alive(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves when it answers; rejects with its log when it ends instead, or is not there within the limit. */
  async start(limitMs = 60_000): Promise<void> {
    if (!existsSync(join(root, '.build/daemon.mjs'))) throw new Error('the program is not built: npm run build');
    const started = this.spawn();
    this.#process = started;
    const ended = (): boolean => started.exitCode !== null || started.signalCode !== null;
    await until(
      async () => ended() || (await this.answers()),
      limitMs,
      () => this.lastLog(),
    );
    if (ended()) throw new Error(`the daemon ended: ${this.lastLog()}`);
  }

  /** The bare process, for those who expect it to end by itself. */
  spawn(): ChildProcess {
    const log = openSync(this.log, 'a');
    const [enter = '', ...prefix] = this.host.enter;
    const options = [
      '--socket',
      this.socket,
      '--state',
      this.state,
      '--run',
      this.runFolder,
      '--engine',
      this.host.socket,
      '--log-level',
      'debug',
      ...this.flags,
    ];
    const child = spawn(enter, [...prefix, ...this.wrap, this.program, 'daemon', ...options], { stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  }

  /** With kill -9. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** With SIGTERM, as an init system does. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it with nothing of it left but what its host holds. */
  async remove(): Promise<void> {
    await this.kill();
    await endResolvers(this.runFolder);
    rmSync(this.runFolder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  /** Whether GET /_ping is answered. */
  answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const ping = request({ socketPath: this.socket, path: '/_ping', timeout: 2000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      ping.once('timeout', () => ping.destroy());
      ping.once('error', () => resolve(false));
      ping.end();
    });
  }

  lastLog(): string {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').split('\n').slice(-40).join('\n') : '';
  }

  /** Our own command line. */
  run(args: readonly string[], options?: RunOptions): Promise<Ran> {
    return runCommand(this.program, args, this.environment, options);
  }

  /** The docker CLI against our socket. */
  docker(args: readonly string[], options?: RunOptions): Promise<Ran> {
    return runCommand('docker', args, this.environment, options);
  }

  /** Standard output of our command line, which must succeed. */
  async ask(...args: string[]): Promise<string> {
    return wellDone(args, await this.run(args));
  }

  /** Standard output of the docker CLI, which must succeed. */
  async askDocker(...args: string[]): Promise<string> {
    return wellDone(args, await this.docker(args));
  }

  /** Writes a file beside the others of this daemon's user; returns its path. */
  file(name: string, text: string): string {
    const folder = join(this.folder, 'files');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  /** `stack deploy` of a text. */
  deploy(stack: string, text: string, flags: readonly string[] = [], options?: RunOptions): Promise<Ran> {
    return this.run(['stack', 'deploy', '-c', this.file(`${stack}.yml`, text), ...flags, stack], options);
  }
}

function wellDone(args: readonly string[], { code, stdout, stderr }: Ran): string {
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout.trim();
}

export async function runCommand(command: string, args: readonly string[], environment: Record<string, string>, options: RunOptions = {}): Promise<Ran> {
  const child = spawn(command, args, { env: { ...process.env, ...environment, ...options.environment } });
  const ran = { stdout: '', stderr: '' };
  const { signalAfter, limitMs = commandLimitMs } = options;
  let awaited = signalAfter?.said;
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      ran[stream] += text;
      if (!signalAfter || !awaited?.test(ran[stream])) return;
      awaited = undefined;
      child.kill(signalAfter.signal);
    });
  }
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const timers = [setTimeout(() => child.kill('SIGKILL'), limitMs)];
  if (signalAfter?.ms !== undefined) timers.push(setTimeout(() => child.kill(signalAfter.signal), signalAfter.ms));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  for (const timer of timers) clearTimeout(timer);
  if (signal === 'SIGKILL') throw new Error(`${command} ${args.join(' ')} took over ${limitMs} ms: ${ran.stdout}${ran.stderr}`);
  return { code, ...ran };
}

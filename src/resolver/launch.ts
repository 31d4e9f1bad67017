/** Starts the resolver so that it outlives the daemon: a session of its own and, under systemd, a scope of its own; and ends one that hangs. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How the resolver is started: the program, and what it was made of. */
export interface ResolverProgram {
  /** Interpreter, its flags, and the file. */
  command: readonly string[];
  build: string;
}

/** Little memory: the table of names is all that it keeps. */
const flags = ['--max-semi-space-size=1', '--v8-pool-size=0', '--max-old-space-size=256', '--no-deprecation'];

/** The program in `file`, run by this very Node, `more` flags with it. */
export function resolverProgram(file: string, more: readonly string[] = []): ResolverProgram {
  const build = createHash('sha256').update(process.version).update(readFileSync(file)).digest('hex').slice(0, 16);
  return { command: [process.execPath, ...flags, ...more, file], build };
}

/** The whole command line of a resolver that is found at `socket`. */
export function resolverCommand(program: ResolverProgram, place: { socket: string; instance: string; owner: string }): string[] {
  const { socket, instance, owner } = place;
  return [...program.command, '--socket', socket, '--instance', instance, '--owner', owner, '--build', program.build];
}

/** systemd ends all processes of a unit that is stopped, sessions of their own or not, but none of another scope. */
function underSystemd(command: readonly string[], name: string): string[] {
  const unit = `${name}-${randomBytes(4).toString('hex')}`;
  return ['systemd-run', '--scope', '--quiet', '--collect', `--unit=${unit}`, `--description=Names for the containers of this node`, '--', ...command];
}

export interface Launched {
  /** Why it is not running any more; undefined while it does. */
  ended(): string | undefined;
  /** systemd was to give it a scope. */
  inScope: boolean;
}

/** Starts a command line apart from the daemon; `apart` also from its unit, where this host can do that. */
export type Launch = (command: readonly string[], apart?: boolean) => Launched;

/** Starts it as this host's way is. */
export const launchOnHost: Launch = (command, apart = existsSync('/run/systemd/system')) => launch(command, apart);

/**
 * Starts `command`; `inScope` in a scope of systemd's.
 * @internal
 */
export function launch(command: readonly string[], inScope: boolean): Launched {
  return { ...startDetached(inScope ? underSystemd(command, 'shoal-resolver') : command), inScope };
}

/** Its own session and folder, and none of this process's files. */
function startDetached([program = '', ...args]: readonly string[]): Omit<Launched, 'inScope'> {
  const child = spawn(program, args, { detached: true, cwd: '/', stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' } });
  let reason: string | undefined;
  child.once('error', (error) => (reason = error.message));
  child.once('exit', (code, signal) => (reason = `it ended with ${signal ?? code}`));
  child.unref();
  return { ended: () => reason };
}

/** Set in /proc/net/unix (net/unix/af_unix.c, flags) for a socket that listens. */
const listens = 0x10000;

/** The processes that made the unix socket `path`, or one that stood there before, and listen at it, by what the kernel tells; this one never. */
export function listenersAt(path: string): number[] {
  const rows = readFileSync('/proc/net/unix', 'utf8').split('\n');
  const inodes = rows.flatMap((row) => {
    // Num RefCount Protocol Flags Type St Inode Path; the path is that under which it was made, before it was moved.
    const [, , , flags = '', , , inode = '', ...words] = row.split(' ').filter((word) => word !== '');
    const made = words.join(' ');
    const isOurs = made.startsWith(`${path}.`) && /^\d+$/.test(made.slice(path.length + 1));
    return isOurs && (Number.parseInt(flags, 16) & listens) !== 0 ? [`socket:[${inode}]`] : [];
  });
  if (inodes.length === 0) return [];
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return others.filter((pid) => descriptorsOf(pid).some((target) => inodes.includes(target))).map(Number);
}

function descriptorsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`));
  } catch {
    // It has ended, or closed one meanwhile: who hangs does neither.
    return [];
  }
}

/** Ends the process at once; one that has ended is no error. */
export function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

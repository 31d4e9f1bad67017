/** The daemon's command line. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Refusal } from '#base/refusal';

export interface DaemonOptions {
  socket: string;
  /** Folder of all that must outlive the process. */
  state: string;
  /** Folder on a tmpfs for secrets and configs of running tasks. */
  run: string;
  /** Socket of the local Docker Engine. */
  engine: string;
  logLevel: string;
  /** How many log entries apart snapshots are. */
  snapshotEntries: number;
}

export const usage = `Usage: shoal daemon [options]

Runs the daemon: the Engine API on a socket, the cluster's state, and this node's containers.

Options:
  --socket <path>       socket to serve on                        (default /run/shoal/shoal.sock)
  --state <folder>      state that outlives the process           (default /var/lib/shoal)
  --run <folder>        folder for secrets of tasks, in memory    (default: the socket's folder, or /dev/shm)
  --engine <path>       socket of the Docker Engine               (default /var/run/docker.sock)
  --log-level <level>   trace, debug, info, warn, error           (default info)
  --snapshot-entries <count>  log entries between snapshots       (default 10000)
  -h, --help            this text

Each option can be given as a variable too: SHOAL_SOCKET, SHOAL_STATE, SHOAL_RUN, SHOAL_ENGINE, SHOAL_LOG_LEVEL.
SIGTERM and SIGINT end the daemon; containers run on, and the next daemon on the same state goes on with them.
`;

const levels = ['trace', 'debug', 'info', 'warn', 'error'];

/** `help` when the text was asked for. Throws a Refusal for what is not understood. */
export function parseOptions(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): DaemonOptions | 'help' {
  const values = parsed(args);
  if (values.help) return 'help';
  const socket = resolve(values.socket ?? environment['SHOAL_SOCKET'] ?? '/run/shoal/shoal.sock');
  const logLevel = values['log-level'] ?? environment['SHOAL_LOG_LEVEL'] ?? 'info';
  if (!levels.includes(logLevel)) throw new Refusal('invalidArgument', `--log-level is one of ${levels.join(', ')}, not "${logLevel}"`);
  const snapshotEntries = Number(values['snapshot-entries'] ?? 10_000);
  if (!(Number.isInteger(snapshotEntries) && snapshotEntries > 0)) throw new Refusal('invalidArgument', '--snapshot-entries is a whole number above 0');
  return {
    socket,
    state: resolve(values.state ?? environment['SHOAL_STATE'] ?? '/var/lib/shoal'),
    run: resolve(values.run ?? environment['SHOAL_RUN'] ?? resolve(socket, '..')),
    engine: (values.engine ?? environment['SHOAL_ENGINE'] ?? '/var/run/docker.sock').replace(/^unix:\/\//, ''),
    logLevel,
    snapshotEntries,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = {
      socket: text,
      state: text,
      run: text,
      engine: text,
      'log-level': text,
      'snapshot-entries': text,
      help: { type: 'boolean', short: 'h' },
    } as const;
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new Refusal('invalidArgument', (error as Error).message);
  }
}

/** The daemon's command line. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultSocket } from '#http/default-socket';
import { Refusal } from '#base/refusal';
import { isPlace } from '#model/manager-address';
import { engineEndpoint } from './engine-endpoint.ts';
import { groupId } from './group.ts';
import { httpAddress, type HttpAddress } from './webhooks/http-address.ts';
import { raftBeat, type RaftBeat } from './raft-beat.ts';

export interface DaemonOptions {
  socket: string;
  /** Id of the group whose members may use the socket; absent: that of the daemon. */
  group?: number;
  /** Folder of all that must outlive the process. */
  state: string;
  /** Folder on a tmpfs for secrets and configs of running tasks. */
  run: string;
  /** `cluster`: this node is or becomes part of a cluster of ours; `docker`: only the reconciler runs, for the Docker Swarm of `engine`. */
  target: Target;
  /** Address or interface that a node of a cluster is reached by where its init or join names none. */
  defaultAdvertiseAddr?: string;
  /** HOST:PORT of managers of this node's cluster, looked for there too; absent: where the cluster said that they are. */
  managers?: readonly string[];
  /** Path of the Docker Engine's socket; beside a Docker Swarm also tcp://HOST:PORT. */
  engine: string;
  logLevel: string;
  /** Where metrics are read over TCP; absent: nowhere but on the socket. */
  metrics?: { host: string; port: number };
  /** How many log entries apart snapshots are. */
  snapshotEntries: number;
  /** Absent: as usual. */
  beat?: RaftBeat;
  /** Where webhooks are taken; absent: nowhere. */
  http?: HttpAddress;
  /** Start with the API only; absent: when the last starts died. */
  safeMode?: boolean;
}

export type Target = 'cluster' | 'docker';

export const usage = `Usage: shoal daemon [options]

Runs the daemon: the Engine API on a socket, the cluster's state, and this node's containers.

Options:
  --socket <path>       socket to serve on                        (default /run/shoal/shoal.sock)
  -G, --group <group>   whose members may use the socket, by name or
                        id: what may use it is root on this host  (default: the daemon's own)
  --state <folder>      state that outlives the process           (default /var/lib/shoal)
  --run <folder>        folder for secrets of tasks, in memory    (default: the socket's folder, or /dev/shm)
  --engine <path>       socket of the Docker Engine; with --target docker
                        also tcp://HOST:PORT, with DOCKER_TLS_VERIFY and
                        DOCKER_CERT_PATH as for docker            (default /var/run/docker.sock)
  --target <kind>       cluster: be a node of shoal's own cluster;
                        docker: run only the reconciler, for the
                        Docker Swarm that the engine manages      (default cluster)
  --swarm-default-advertise-addr <address>  address or interface that other
                        nodes reach this one by, where swarm init and
                        swarm join are told none                  (default: the only one)
  --managers <list>     HOST:PORT,… of managers of this node's cluster, looked
                        for there beside where they were last: for a cluster
                        whose managers all have other addresses now
  --metrics-addr <address>  HOST:PORT (or :PORT, on every address) where
                        GET /metrics and /healthz are answered over TCP,
                        to anybody                                (default: only on the socket)
  --http-addr <host:port>  take webhooks of forges at /hooks/REPOSITORY, and
                        git push at /git/REPOSITORY               (default: off)
  --http-cert <file>    certificate of that door, PEM; needed off 127.0.0.1
  --http-key <file>     its key, PEM
  --log-level <level>   trace, debug, info, warn, error           (default info)
  --snapshot-entries <count>  log entries between snapshots       (default 10000)
  --raft-tick <duration>      beat of the managers' clocks        (default 50ms)
  --raft-heartbeat <duration> how often a leader says that it is there; the
                        same on all managers                      (default 100ms)
  --raft-election <duration>  silence after which the others elect another:
                        between this and twice as long. At least five
                        heartbeats; longer for slow links and disks (default 500ms)
  --safe-mode[=false]   start with the API only: no containers, networks or
                        repositories are looked after, and what does harm can
                        be removed. By itself after three starts in a row that
                        died within a minute; =false starts whole all the same
  --systemd-unit        print a unit for systemd that runs the daemon with
                        these options, and end
  -h, --help            this text

Each option can be given as a variable too: SHOAL_SOCKET, SHOAL_GROUP, SHOAL_STATE, SHOAL_RUN, SHOAL_ENGINE, SHOAL_TARGET, SHOAL_METRICS_ADDR, SHOAL_LOG_LEVEL, SHOAL_SAFE_MODE,
SHOAL_HTTP_ADDR, SHOAL_HTTP_CERT, SHOAL_HTTP_KEY.
SIGTERM and SIGINT end the daemon; containers run on, and the next daemon on the same state goes on with them.
`;

const levels = ['trace', 'debug', 'info', 'warn', 'error'];

/** `help` or `systemd-unit` when that was asked for. Throws a Refusal for what is not understood. */
export function parseOptions(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): DaemonOptions | 'help' | 'systemd-unit' {
  const values = parsed(args);
  if (values.help) return 'help';
  const socket = resolve(values.socket ?? environment['SHOAL_SOCKET'] ?? defaultSocket);
  const logLevel = values['log-level'] ?? environment['SHOAL_LOG_LEVEL'] ?? 'info';
  if (!levels.includes(logLevel)) throw new Refusal('invalidArgument', `--log-level is one of ${levels.join(', ')}, not "${logLevel}"`);
  const target = values.target ?? environment['SHOAL_TARGET'] ?? 'cluster';
  if (target !== 'cluster' && target !== 'docker') throw new Refusal('invalidArgument', `--target is cluster or docker, not "${target}"`);
  const engine = (values.engine ?? environment['SHOAL_ENGINE'] ?? '/var/run/docker.sock').replace(/^unix:\/\//, '');
  // Beside a swarm the engine may be elsewhere: an address that is none is wrong usage.
  if (target === 'docker') engineEndpoint(engine, environment);
  const snapshotEntries = Number(values['snapshot-entries'] ?? 10_000);
  if (!(Number.isInteger(snapshotEntries) && snapshotEntries > 0)) throw new Refusal('invalidArgument', '--snapshot-entries is a whole number above 0');
  const beat = raftBeat({ tick: values['raft-tick'], heartbeat: values['raft-heartbeat'], election: values['raft-election'] });
  const http = httpAddress({
    address: values['http-addr'] ?? environment['SHOAL_HTTP_ADDR'],
    cert: values['http-cert'] ?? environment['SHOAL_HTTP_CERT'],
    key: values['http-key'] ?? environment['SHOAL_HTTP_KEY'],
  });
  if (values['systemd-unit']) return 'systemd-unit';
  const group = values.group ?? environment['SHOAL_GROUP'];
  return {
    socket,
    ...(group !== undefined && { group: groupId(group) }),
    state: resolve(values.state ?? environment['SHOAL_STATE'] ?? '/var/lib/shoal'),
    run: resolve(values.run ?? environment['SHOAL_RUN'] ?? resolve(socket, '..')),
    engine,
    target,
    ...(values['swarm-default-advertise-addr'] && { defaultAdvertiseAddr: values['swarm-default-advertise-addr'] }),
    ...managerPlaces(values.managers),
    logLevel,
    ...metricsPlace(values['metrics-addr'] ?? environment['SHOAL_METRICS_ADDR']),
    snapshotEntries,
    ...(beat && { beat }),
    ...(http && { http }),
    ...safeMode(values['safe-mode'] ?? environment['SHOAL_SAFE_MODE']),
  };
}

function managerPlaces(text = ''): Pick<DaemonOptions, 'managers'> {
  const managers = text.split(',').filter(Boolean);
  const wrong = managers.find((place) => !isPlace(place));
  if (wrong !== undefined) throw new Refusal('invalidArgument', `--managers is HOST:PORT of each, with commas between them: "${wrong}" is not`);
  return managers.length === 0 ? {} : { managers };
}

function metricsPlace(text: string | undefined): Pick<DaemonOptions, 'metrics'> {
  if (text === undefined || text === '') return {};
  const [, host = '', port = ''] = /^(\[[0-9a-f:.]+\]|[^:]*):(\d{1,5})$/i.exec(text) ?? [];
  if (port === '' || Number(port) > 65_535) throw new Refusal('invalidArgument', `--metrics-addr is HOST:PORT or :PORT, not "${text}"`);
  return { metrics: { host: host.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) } };
}

function safeMode(text: string | undefined): { safeMode?: boolean } {
  if (text === undefined || text === '') return {};
  if (text !== 'true' && text !== 'false') throw new Refusal('invalidArgument', `--safe-mode is true or false, not "${text}"`);
  return { safeMode: text === 'true' };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = {
      socket: text,
      group: { type: 'string', short: 'G' },
      state: text,
      run: text,
      engine: text,
      target: text,
      'swarm-default-advertise-addr': text,
      managers: text,
      'http-addr': text,
      'http-cert': text,
      'http-key': text,
      'log-level': text,
      'metrics-addr': text,
      'snapshot-entries': text,
      'raft-tick': text,
      'raft-heartbeat': text,
      'raft-election': text,
      'safe-mode': text,
      'systemd-unit': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    } as const;
    return parseArgs({ args: args.map((arg) => (arg === '--safe-mode' ? '--safe-mode=true' : arg)), options, allowPositionals: false }).values;
  } catch (error) {
    throw new Refusal('invalidArgument', (error as Error).message);
  }
}

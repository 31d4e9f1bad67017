/** Starts `network-driver` on a test host and calls it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { BridgedNetwork, ComingAttachment, Counters, NameServer, Overlay, TaskAttachment, Traffic } from '#network/contract';

interface Methods {
  start: () => void;
  stop: () => void;
  tearDown: () => void;
  checkHost: () => string[];
  /** How often an audit was asked for. */
  disturbed: () => number;
  bridges: (wanted: readonly BridgedNetwork[]) => void;
  names: (wanted: Traffic) => void;
  ports: (wanted: Traffic) => void;
  /** One service of those that ports were applied with last becomes another; as with an agent, nothing else is told again. */
  change: (service: Traffic['services'][number]) => void;
  overlay: (wanted: Overlay) => void;
  /** One call of one part. */
  facet: (part: 'bridges' | 'overlay' | 'ports' | 'names', method: 'apply' | 'audit' | 'counters', wanted?: unknown) => unknown;
  servers: () => readonly NameServer[];
  attaching: (attachment: ComingAttachment) => void;
  attached: (attachment: TaskAttachment) => void;
  detaching: (taskId: string) => void;
  detached: (taskId: string) => void;
  audit: () => string[];
  problems: () => string[];
  /** By service's name, and `lookups`. */
  serviceCounts: () => Record<string, Counters>;
  counters: () => { names: Counters; bridges: Counters; ports: Counters };
}

export interface NetworkClient {
  call<M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): Promise<ReturnType<Methods[M]>>;
  /** All of `traffic` in the order in which an agent does it. */
  publish(traffic: Traffic): Promise<void>;
  /** Ends the process without a word to it, as a crash would. */
  kill(): Promise<void>;
}

export interface ClientOptions {
  instance: string;
  /** Where the resolver is found. */
  socket: string;
  /** Pretends that the resolver was made of something else. */
  build?: string;
}

export function startNetworkClient(enter: readonly string[], { instance, socket, build = '' }: ClientOptions): NetworkClient {
  const driver = new URL('network-driver.ts', import.meta.url).pathname;
  const [command, ...args] = ['env', ...enter, process.execPath, '--import', 'tsx', driver, instance, socket, build];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', process.env['SHOAL_TEST_VERBOSE'] ? 'inherit' : 'ignore'] });
  const waiting: { resolve: (value: never) => void; reject: (error: Error) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as { result?: never; error?: string };
    const call = waiting.shift();
    if (answer.error === undefined) call?.resolve(answer.result as never);
    else call?.reject(new Error(answer.error));
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => waiting.splice(0).forEach(({ reject }) => reject(new Error('the driver ended'))));
  const call: NetworkClient['call'] = (method, ...values) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify({ method, args: values })}\n`);
    });
  return {
    call,
    async publish(traffic) {
      await call('names', traffic);
      const ports = new Map((await call('servers')).map(({ networkId, port }) => [networkId, port]));
      await call(
        'bridges',
        traffic.networks.map((local) => {
          const nameServerPort = ports.get(local.network.ID);
          return { ...local, ...(nameServerPort !== undefined && { nameServerPort }) };
        }),
      );
      await call('ports', traffic);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

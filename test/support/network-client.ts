/** Starts `network-driver` on a test host and calls it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { NetworkCounters } from '#host/host-network';
import type { ServiceEndpoint } from '#model/assignment';
import type { Network } from '#model/network';

interface Methods {
  start: () => void;
  networkCreated: (network: Network, gateway: string) => void;
  networkRemoved: (networkId: string) => void;
  update: (endpoints: readonly ServiceEndpoint[], networks: readonly { network: Network; gateway: string }[]) => void;
  stop: () => void;
  tearDown: () => void;
  checkHost: () => string[];
  problems: () => string[];
  counters: () => NetworkCounters;
}

export interface NetworkClient {
  call<M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): Promise<ReturnType<Methods[M]>>;
  /** Ends the process without a word to it, as a crash would. */
  kill(): Promise<void>;
}

export function startNetworkClient(enter: readonly string[], instance: string): NetworkClient {
  const driver = new URL('network-driver.ts', import.meta.url).pathname;
  const [command, ...args] = ['env', ...enter, process.execPath, '--import', 'tsx', driver, instance];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { resolve: (value: never) => void; reject: (error: Error) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as { result?: never; error?: string };
    const call = waiting.shift();
    if (answer.error === undefined) call?.resolve(answer.result as never);
    else call?.reject(new Error(answer.error));
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => waiting.splice(0).forEach(({ reject }) => reject(new Error('the driver ended'))));
  return {
    call: (method, ...values) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify({ method, args: values })}\n`);
      }),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

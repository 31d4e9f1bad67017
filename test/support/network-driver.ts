/** Runs a HostNetwork inside a host's network namespace: one JSON request a line on standard input, one JSON answer a line on standard output. */
import { createInterface } from 'node:readline';
import type { Logger } from '#base/logger';
import { HostNetwork } from '#host/host-network';

const log: Logger = {
  debug() {},
  info() {},
  warn: (facts, message) => console.error(message, JSON.stringify(facts)),
  error: (facts, message) => console.error(message, facts),
  child: () => log,
};
/** Delays are a tenth, so that what happens every 30 s is seen within a test's patience. */
const speed = 10;
const clock = {
  now: () => Date.now(),
  after(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs / speed);
    return () => clearTimeout(timer);
  },
  soon: (run: () => void) => void setImmediate(run),
};
const network = new HostNetwork({ instance: process.argv[2] ?? '' }, { logger: log, clock });
const running = new AbortController();
const methods: Record<string, (...args: never[]) => unknown> = {
  start: () => network.start(running.signal),
  networkCreated: network.networkCreated.bind(network),
  networkRemoved: network.networkRemoved.bind(network),
  update: network.update.bind(network),
  stop: () => network.stop(),
  tearDown: () => network.tearDown(),
  checkHost: () => network.checkHost(),
  problems: () => network.problems(),
  counters: () => network.counters(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line) as { method: string; args: never[] };
  try {
    console.log(JSON.stringify({ result: (await methods[method]?.(...args)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: (error as Error).message }));
  }
}
process.exit(0);

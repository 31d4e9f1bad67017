/** Runs a node's whole network inside a host's network namespace: one JSON request a line on standard input, one JSON answer a line on standard output. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Logger } from '#base/logger';
import { HostNetwork } from '#host/host-network';
import { checkHost } from '#host/check-host';
import type { BridgedNetwork, Traffic } from '#network/contract';
import { joinFacets } from '#network/node-network';
import { launchOnHost, resolverProgram } from '#resolver/launch';
import { ResolverNames } from '#resolver/resolver-names';

const log: Logger = {
  debug() {},
  info: (facts, message) => console.error(message, JSON.stringify(facts)),
  warn: (facts, message) => console.error(message, JSON.stringify(facts)),
  error: (facts, message) => console.error(message, facts),
  child: () => log,
};
/** Delays are a tenth, so that what happens every 30 s is seen within a test's patience. */
const speed = 10;
const clock = {
  now: () => Date.now(),
  monotonicNow: () => performance.now() * speed,
  after(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs / speed);
    return () => clearTimeout(timer);
  },
  soon: (run: () => void) => void setImmediate(run),
};
const [, , instance = '', socket = '', build = ''] = process.argv;
const file = fileURLToPath(new URL('../../.build/resolver.mjs', import.meta.url));
const host = new HostNetwork({ instance, nodeId: 'node1', address: '127.0.0.1', heldPorts: 64 }, { logger: log, clock });
const program = { ...resolverProgram(file), ...(build && { build }) };
const names = new ResolverNames({ socket, instance, owner: 'node1', program }, { logger: log, clock, launch: launchOnHost });
const network = joinFacets({ bridges: host.bridges, overlay: host.overlay, ports: host.ports, names });
let disturbed = 0;
/** As it was applied last. */
let traffic: Traffic = { services: [], networks: [] };

async function start(): Promise<void> {
  await host.start(() => disturbed++);
  await names.start(() => disturbed++);
}

async function stop(): Promise<void> {
  await names.stop();
  await host.stop();
}

const methods: Record<string, (...args: never[]) => unknown> = {
  start,
  stop,
  checkHost,
  disturbed: () => disturbed,
  bridges: (wanted: readonly BridgedNetwork[]) => network.bridges.apply(wanted),
  names: (wanted: Traffic) => network.names.apply(wanted),
  ports: (wanted: Traffic) => network.ports.apply((traffic = wanted)),
  change: (service: Traffic['services'][number]) => {
    const services = traffic.services.map((each) => (each.ServiceID === service.ServiceID ? service : each));
    traffic = { ...traffic, services };
    return Promise.all([network.names.apply(traffic), network.ports.apply(traffic)]).then(() => null);
  },
  overlay: (wanted: Parameters<typeof network.overlay.apply>[0]) => network.overlay.apply(wanted),
  facet: (part: 'bridges' | 'overlay' | 'ports' | 'names', method: 'apply' | 'audit' | 'counters', wanted: never) => network[part][method](wanted),
  servers: () => network.names.servers(),
  attaching: network.attaching,
  attached: network.attached,
  detaching: network.detaching,
  detached: network.detached,
  audit: async () => [
    ...(await network.names.audit()),
    ...(await network.bridges.audit()),
    ...(await network.overlay.audit()),
    ...(await network.ports.audit()),
  ],
  problems: () => [network.names, network.bridges, network.overlay, network.ports].flatMap((facet) => facet.problems()),
  counters: async () => ({ names: await network.names.counters(), bridges: await network.bridges.counters(), ports: await network.ports.counters() }),
  serviceCounts: async () => {
    await network.names.counters();
    return { ...Object.fromEntries(await host.ports.serviceCounts()), lookups: names.lookups };
  },
  async tearDown() {
    await stop();
    await host.tearDown();
    await names.tearDown();
  },
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

/** This node's network, put together: the kernel's part and the process that answers names. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heldPortsFor, openFilesLimit } from '#api/limits';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { HostNetwork } from '#host/host-network';
import type { Network } from '#model/object/network';
import type { NodeEncryption } from '#model/object/node';
import type { Counters, NodeNetwork } from '#network/contract';
import { joinFacets } from '#network/node-network';
import { launchOnHost, resolverProgram } from '#resolver/launch';
import { ResolverNames } from '#resolver/resolver-names';
import { socketIn } from '../state/run-folder.ts';

/** Path of the socket that containers get which bind the engine's. */
export function doorIn(runFolder: string, instance: string): string {
  return join(runFolder, socketIn('engine', instance));
}

export interface NetworkOptions {
  /** Keeps the daemons of one machine apart. */
  instance: string;
  nodeId: string;
  /** Where other nodes reach this host. */
  address: string;
  runFolder: string;
  /** Path of the API's socket. */
  api: string;
}

export interface WholeNetwork extends NodeNetwork {
  /** Removes all of it: the node leaves its cluster. */
  tearDown(): Promise<void>;
  /** The largest packet that containers of a network may send. */
  mtu(network: Network): Promise<number>;
  /** How this host encrypts what goes to others, and another key for that. */
  readonly encryption: { described(): Promise<NodeEncryption>; rotate(tell: () => Promise<void>, signal: AbortSignal): Promise<void> };
  /** Other nodes reach this host at another address from now on. */
  movedTo(address: string): void;
  readonly doctor: HostNetwork['doctor'];
  /** What is counted of each service here, by its name; after `names.counters`. */
  serviceCounts(): Promise<Readonly<Record<string, Counters>>>;
}

/** Where the build puts it, beside the daemon. */
const resolverFile = fileURLToPath(new URL('./resolver.mjs', import.meta.url));

export function makeNetwork({ instance, nodeId, address, runFolder, api }: NetworkOptions, { clock, logger }: { clock: Clock; logger: Logger }): WholeNetwork {
  const host = new HostNetwork({ instance, nodeId, address, heldPorts: heldPortsFor(openFilesLimit()) }, { clock, logger });
  const socket = join(runFolder, socketIn('resolver', instance));
  const door = { path: doorIn(runFolder, instance), leadsTo: resolve(api) };
  const names = new ResolverNames({ socket, instance, owner: nodeId, program: resolverProgram(resolverFile), door }, { clock, logger, launch: launchOnHost });
  const network = joinFacets({ bridges: host.bridges, overlay: host.overlay, ports: host.ports, names });
  return {
    ...network,
    mtu: (of) => host.overlay.mtu(of),
    encryption: { described: () => host.overlay.encryption(), rotate: (tell, signal) => host.overlay.rotateKey(tell, signal) },
    movedTo: (moved) => host.movedTo(moved),
    doctor: host.doctor,
    serviceCounts: async () => joinedCounts(await host.ports.serviceCounts(), names.lookups),
    async start(disturbed, signal) {
      const started = await Promise.allSettled([host.start(disturbed), names.start(disturbed)]);
      const failed = started.find((part) => part.status === 'rejected');
      if (failed) {
        // Of a node that does not begin nothing goes on.
        await Promise.allSettled([names.stop(), host.stop()]);
        throw failed.reason;
      }
      signal.throwIfAborted();
    },
    async stop() {
      await names.stop();
      await host.stop();
    },
    async tearDown() {
      await host.tearDown();
      await names.tearDown();
    },
  };
}

function joinedCounts(counted: ReadonlyMap<string, Counters>, lookups: Counters): Record<string, Counters> {
  const names = new Set([...counted.keys(), ...Object.keys(lookups)]);
  return Object.fromEntries([...names].map((name) => [name, { ...counted.get(name), ...(lookups[name] !== undefined && { lookups: lookups[name] }) }]));
}

/** Of each facet what it counts, and how much it cannot serve. */
export function figuresOf(network: NodeNetwork): Promise<{ part: string; counters: Counters; problems: number }[]> {
  const parts = ['bridges', 'overlay', 'ports', 'names'] as const;
  return Promise.all(parts.map(async (part) => ({ part, counters: await network[part].counters(), problems: network[part].problems().length })));
}

/** `_ping`, `/version` and `/info`: the engine's answers with our part in them. */
import type { OutgoingHttpHeaders } from 'node:http';
import { isDoneWithin } from '#base/clock';
import { Refusal } from '#base/refusal';
import { managerAddress, roleOf } from '#model/manager-address';
import type { Context } from '../context.ts';
import type { SwarmStatus, View } from '../dependencies.ts';
import { shownMember } from './nodes.ts';
import { get, type Answer, type Call, type Route } from '../router.ts';
import { clusterIn, shownCluster } from './cluster/swarm.ts';
import { oldestVersion } from '../version.ts';
import { commonVersion } from '../engine/engine-client.ts';

/** Longer than an election takes. */
const readLimitMs = 3000;

/** By this clients know whom they talk to. */
export function pingRoutes(context: Context): Route[] {
  return [{ method: 'HEAD', pattern: '/_ping', handler: (call) => ping(call, context) }, get('/_ping', (call) => ping(call, context))];
}

export function systemRoutes(context: Context): Route[] {
  return [
    ...pingRoutes(context),
    get('/version', async () => ({ status: 200, json: await versionBody(context) })),
    get('/info', async () => ({ status: 200, json: await infoBody(context) })),
  ];
}

/** Headers that dockerd puts on every answer; the docker CLI negotiates by the first. */
export async function commonHeaders(context: Context): Promise<OutgoingHttpHeaders> {
  const about = await context.engine.about();
  return {
    'Api-Version': `1.${commonVersion(about)}`,
    'Docker-Experimental': String(about?.experimental ?? false),
    Ostype: 'linux',
    Server: `Shoal/${context.version} (linux)`,
  };
}

async function ping(call: Call, context: Context): Promise<Answer> {
  const { response } = call;
  const builderVersion = (await context.engine.about())?.builderVersion;
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    Swarm: swarmHeader(context.swarm.status()),
    Shoal: context.version,
    ...(builderVersion !== undefined && { 'Builder-Version': builderVersion }),
    'Content-Length': 2,
  });
  response.end(call.request.method === 'HEAD' ? undefined : 'OK');
  return 'sent';
}

/** `inactive`, `pending`, `error`, `locked`, `active/worker`, `active/manager` */
function swarmHeader({ LocalNodeState, ControlAvailable }: SwarmStatus): string {
  if (LocalNodeState !== 'active') return LocalNodeState;
  return ControlAvailable ? 'active/manager' : 'active/worker';
}

interface EngineVersion {
  Version?: string;
  Components?: readonly object[] | null;
  [key: string]: unknown;
}

async function versionBody(context: Context): Promise<object> {
  const engine = await context.engine.read<EngineVersion>('/version');
  const ApiVersion = `1.${await context.engine.commonVersion()}`;
  const own = { Name: 'Shoal', Version: context.version, Details: { ApiVersion, MinAPIVersion: `1.${oldestVersion}` } };
  return {
    ...(engine ?? { Os: 'linux', Version: context.version }),
    Platform: { Name: `Shoal ${context.version}` },
    Components: [...(engine?.Components ?? []), own],
    ApiVersion,
    MinAPIVersion: `1.${oldestVersion}`,
  };
}

async function infoBody(context: Context): Promise<object> {
  // The engine takes its time, and so does who agrees: docker's command asks this after each join.
  const [engine, Swarm] = await Promise.all([context.engine.read<object>('/info'), swarmBlock(context)]);
  // Clients count on the numbers being there.
  const counts = { Containers: 0, ContainersRunning: 0, ContainersPaused: 0, ContainersStopped: 0, Images: 0, NCPU: 0, MemTotal: 0 };
  const unreachable = { ...counts, OSType: 'linux', Warnings: [`WARNING: cannot reach the Docker Engine at unix://${context.engineSocket}`] };
  const { SafeMode } = context.swarm.status();
  const told: { Warnings?: string[] | null } = engine ?? unreachable;
  const Warnings = SafeMode === undefined ? told.Warnings : [`WARNING: ${SafeMode}`, ...(told.Warnings ?? [])];
  return { ...told, ...(Warnings && { Warnings }), Swarm, Shoal: { Version: context.version } };
}

async function swarmBlock(context: Context): Promise<object> {
  const status = context.swarm.status();
  const { NodeID, NodeAddr, LocalNodeState, ControlAvailable, SafeMode } = status;
  const Error = status.Error || (SafeMode ?? '');
  const RemoteManagers = status.RemoteManagers ?? null;
  const block = { NodeID, NodeAddr, LocalNodeState, ControlAvailable, Error, RemoteManagers };
  if (LocalNodeState !== 'active' || !ControlAvailable) return block;
  try {
    return { ...block, ...membership(await readSoon(context), context) };
  } catch (error) {
    // One that cannot answer now is still a manager: who is told otherwise refuses what would be done a moment later, or takes the node for a worker.
    return { ...block, Error: Error !== '' ? Error : error instanceof globalThis.Error ? error.message : String(error) };
  }
}

/** What says that this manager cannot follow the others must not wait until it has. */
async function readSoon({ cluster, clock }: Context): Promise<View> {
  const view = cluster.read();
  if (await isDoneWithin(clock, view, readLimitMs)) return await view;
  throw new Refusal('unavailable', 'this manager is behind the others: it does not hold yet what they agreed on');
}

function membership(view: View, context: Context): object {
  const nodes = [...view.list('node')];
  const managers = nodes.filter((node) => roleOf(node) === 'manager');
  const RemoteManagers = managers.map((node) => {
    const { ManagerStatus } = shownMember(node, context) as { ManagerStatus?: { Addr: string } };
    return { NodeID: node.ID, Addr: ManagerStatus?.Addr ?? managerAddress(node) };
  });
  return { RemoteManagers, Nodes: nodes.length, Managers: managers.length, Cluster: shownCluster(clusterIn(view)) };
}

/** What a node says about itself: the engine's facts and the subnets that are taken on its host. */
import type Docker from 'dockerode';
import { compareTexts } from '#base/text/text';
import { featureLevel } from '#model/feature-level';
import type { NodeDescription } from '#model/object/node';
import type { GenericResource } from '#model/object/service-spec';
import { bridgeName, networkIdLabel } from '#model/object/network';
import { nodeIdLabel } from '#model/object/meta';
import { routeTable, subnetsOf } from './host-routes.ts';

/** The parts of GET /info that are read. */
interface EngineInfo {
  Name: string;
  NCPU: number;
  MemTotal: number;
  OSType: string;
  Architecture: string;
  ServerVersion: string;
  Labels?: readonly string[] | null;
  Plugins?: Readonly<Record<string, readonly string[] | null>>;
  GenericResources?: readonly GenericResource[] | null;
}

/** Throws when the engine does not answer. */
export async function describeNode(docker: Docker, nodeId: string): Promise<NodeDescription> {
  const [info, subnets] = (await Promise.all([docker.info(), subnetsOn(docker, nodeId)])) as [EngineInfo, Awaited<ReturnType<typeof subnetsOn>>];
  const generic = info.GenericResources ?? [];
  return {
    Hostname: info.Name,
    Platform: { Architecture: info.Architecture, OS: info.OSType },
    Resources: { NanoCPUs: info.NCPU * 1e9, MemoryBytes: info.MemTotal, ...(generic.length > 0 && { GenericResources: generic }) },
    Engine: { EngineVersion: info.ServerVersion, Labels: labels(info.Labels ?? []), Plugins: plugins(info.Plugins ?? {}) },
    Shoal: { ...subnets, FeatureLevel: featureLevel },
  };
}

function labels(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(lines.map((line) => [line.split('=')[0] ?? '', line.split('=').slice(1).join('=')]));
}

/** Sorted, so that an unchanged engine gives an equal description; overlay is what we add ourselves. */
function plugins(byType: NonNullable<EngineInfo['Plugins']>): readonly { Type: string; Name: string }[] {
  const found = Object.entries(byType).flatMap(([Type, names]) => (names ?? []).map((Name) => ({ Type, Name })));
  const all = found.some((plugin) => plugin.Type === 'Network' && plugin.Name === 'overlay') ? found : [...found, { Type: 'Network', Name: 'overlay' }];
  return all.toSorted((a, b) => compareTexts(`${a.Type} ${a.Name}`, `${b.Type} ${b.Name}`));
}

/** Networks of another node's agent on the same engine count as taken, those of this one do not. */
async function subnetsOn(docker: Docker, nodeId: string): Promise<{ UsedSubnets: readonly string[]; EngineSubnets: readonly string[] }> {
  // Routes first: a network that is made in between then shows in the list only, where it is known as ours.
  const table = await routeTable();
  const networks = await docker.listNetworks();
  const isOurs = (network: Docker.NetworkInspectInfo) => network.Labels?.[nodeIdLabel] === nodeId && network.Labels[networkIdLabel] !== undefined;
  const bridges = new Set(networks.filter(isOurs).map((network) => bridgeName(network.Labels?.[networkIdLabel] ?? '')));
  const subnets = networks.filter((network) => !isOurs(network)).flatMap(subnetsIn);
  const engines = networks.filter(({ Labels }) => Labels?.[networkIdLabel] === undefined).flatMap(subnetsIn);
  const routes = subnetsOf(table, bridges);
  return { UsedSubnets: inOrder([...subnets, ...routes]), EngineSubnets: inOrder(engines) };
}

function subnetsIn({ IPAM }: Docker.NetworkInspectInfo): string[] {
  return (IPAM?.Config ?? []).map((config) => config.Subnet ?? '');
}

function inOrder(subnets: readonly string[]): readonly string[] {
  return [...new Set(subnets)].filter((subnet) => subnet.includes('.')).toSorted(compareTexts);
}

/** Which names and addresses a container's network is tried by, and what is wrong with the answers. */
import { compareTexts } from '#base/text/text';
import type { Finding } from '#model/doctor/examination';
import type { EndpointTask, ServiceEndpoint } from '#model/object/assignment';
import type { Network } from '#model/object/network';
import type { Traffic } from '../contract.ts';
import type { NameTable } from '../names.ts';

/** One name, and what it must lead to. */
interface ExpectedName {
  name: string;
  addresses: readonly string[];
}

export interface InsidePlan {
  network: Network;
  names: readonly ExpectedName[];
  /** What is asked of another host's name server, by the second address of the container's list; absent: that host need not know it. */
  elsewhere?: string;
  /** Where somebody must answer. */
  addresses: readonly { address: string; what: string }[];
}

const servicesTried = 4;
const tasksTried = 3;

export interface InsideQuestion {
  network: Network;
  traffic: Traffic;
  /** Of the traffic's services. */
  table: NameTable;
  nodeId: string;
  /** All networks with names of the container that asks: it finds what is on any of them. */
  networkIds: ReadonlySet<string>;
}

/** Of the network's services the first ones that have ready tasks; of each the tasks of other nodes before those of this one. */
export function planInside({ network, traffic: { services }, table, nodeId, networkIds }: InsideQuestion): InsidePlan {
  const here = services.filter((service) => readyOn(service, network.ID).length > 0).toSorted((a, b) => compareTexts(a.Name, b.Name));
  const names: ExpectedName[] = [];
  const addresses: { address: string; what: string }[] = [];
  const expected = (name: string): string[] => [...new Set([...networkIds].flatMap((id) => table.lookUp(name, '', id) ?? []))].toSorted();
  for (const service of here.slice(0, servicesTried)) {
    for (const name of [service.Name, `tasks.${service.Name}`]) names.push({ name, addresses: expected(name) });
    const virtual = service.VirtualIPs?.find(({ NetworkID }) => NetworkID === network.ID)?.Address;
    if (virtual !== undefined) addresses.push({ address: virtual, what: `the address of service ${service.Name}` });
    const far = readyOn(service, network.ID).toSorted((a, b) => Number(a.NodeID === nodeId) - Number(b.NodeID === nodeId));
    for (const task of far.slice(0, tasksTried)) {
      addresses.push({
        address: addressOn(task, network.ID),
        what: `a task of ${service.Name} on ${task.NodeID === nodeId ? 'this node' : `node ${task.NodeID}`}`,
      });
    }
  }
  const [first] = names;
  return { network, names, ...(first && networkIds.size === 1 && { elsewhere: first.name }), addresses };
}

export function hasTasks({ services }: Traffic, networkId: string): boolean {
  return services.some((service) => readyOn(service, networkId).length > 0);
}

export interface InsideSeen {
  names: Readonly<Record<string, readonly string[] | string>>;
  addresses: Readonly<Record<string, string>>;
  /** What went wrong with the other host's name server. */
  elsewhere?: string;
}

export function judgeInside({ network, names, elsewhere, addresses }: InsidePlan, seen: InsideSeen): Finding[] {
  const from = `from a container of network ${network.Spec.Name}`;
  const wrongNames = names.flatMap(({ name, addresses: expected }): Finding[] => {
    const got = seen.names[name] ?? 'no answer';
    if (typeof got !== 'string' && sameTexts(got, expected)) return [];
    const shown = typeof got === 'string' ? `no address (${got})` : got.join(', ');
    return [
      {
        level: 'error',
        check: 'names',
        text: `${from} the name ${name} gives ${shown}, not ${expected.join(', ')}`,
        advice:
          'see whether the resolver runs on this node (shoal_network_problems in /metrics, the daemon’s log), whether the container asks 127.0.0.11 and no server of its own, and whether a rule of this host or its policy keeps containers from it: a chain of nft with a hook in input must let in what comes by sh-*',
      },
    ];
  });
  const silent = addresses.flatMap(({ address, what }): Finding[] => {
    const why = seen.addresses[address];
    if (why === undefined) return [];
    return [
      {
        level: 'error',
        check: 'services',
        text: `${from} nobody answers at ${address}, ${what}: ${why}`,
        advice: 'look at what is found of the ways between the two nodes and of their firewalls; if nothing is, at rules inside the two containers',
      },
    ];
  });
  return [...wrongNames, ...(elsewhere !== undefined && seen.elsewhere !== undefined ? [unanswered(from, elsewhere, seen.elsewhere)] : []), ...silent];
}

function unanswered(from: string, name: string, why: string): Finding {
  return {
    level: 'error',
    check: 'names',
    text: `${from} another host's name server does not tell ${name} (${why}): nobody would while this host's own is dead`,
    advice: 'look at what is found of the ways between the nodes, and see whether the resolver runs on the others (shoal_network_problems in /metrics)',
  };
}

function readyOn({ Tasks }: ServiceEndpoint, networkId: string): EndpointTask[] {
  return Tasks.filter(({ Ready, Networks }) => Ready && Networks.some(({ NetworkID }) => NetworkID === networkId));
}

function addressOn({ Networks }: EndpointTask, networkId: string): string {
  return Networks.find(({ NetworkID }) => NetworkID === networkId)?.Address ?? '';
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted().join() === b.toSorted().join();
}

/** One service of many changes on a node: what that costs beside the same change alone. */
import type { ServiceEndpoint } from '#model/object/assignment';
import type { Network } from '#model/object/network';
import { bridgeName } from '#model/object/network';
import type { LocalNetwork, Traffic } from '#network/contract';
import { startHost } from '../../support/machine.mjs';
import { startNetworkClient, type NetworkClient } from '../../support/network-client.ts';
import { median, type Row } from '../figures.ts';

const many = { services: 200, tasks: 10, networks: 50, nodes: 5 };
const rounds = 9;

export async function oneChangeRows(): Promise<Row[]> {
  const host = await startHost();
  const client = startNetworkClient(host.enter, { instance: 'bench', socket: `${host.folder}/names.sock` });
  try {
    const networks = Array.from({ length: many.networks }, (_, at) => networkAt(at));
    for (const { network, gateway } of networks) {
      const bridge = `com.docker.network.bridge.name=${bridgeName(network.ID)}`;
      host.docker(['network', 'create', '-d', 'bridge', '-o', bridge, '--subnet', `${gateway}/24`, '--gateway', gateway, network.Spec.Name]);
    }
    await client.call('start');
    const alone = await changeMs(client, { services: [serviceAt(0, networks, 0)], networks: networks.slice(0, 1) }, networks);
    const among = await changeMs(client, { services: Array.from({ length: many.services }, (_, at) => serviceAt(at, networks, 0)), networks }, networks);
    return [
      {
        what: `network: one of ${many.services} services × ${many.tasks} tasks on ${many.networks} networks changes, until names and ports of a node are right`,
        figure: `${Math.round(among.ms)} ms, ${among.loads} rule sets (alone: ${Math.round(alone.ms)} ms, ${alone.loads})`,
      },
    ];
  } finally {
    await client.call('tearDown').catch(() => undefined);
    await client.kill();
    await host.stop();
  }
}

async function changeMs(client: NetworkClient, traffic: Traffic, networks: readonly LocalNetwork[]): Promise<{ ms: number; loads: number }> {
  await client.publish(traffic);
  const took: number[] = [];
  const loaded = async (): Promise<number> => (await client.call('counters')).ports['rules_loaded'] ?? 0;
  const before = await loaded();
  for (let round = 1; round <= rounds; round++) {
    const service = serviceAt(0, networks, round);
    const began = performance.now();
    await client.call('change', service);
    took.push(performance.now() - began);
  }
  return { ms: median(took), loads: ((await loaded()) - before) / rounds };
}

function networkAt(at: number): LocalNetwork {
  const network = {
    ID: `net${String(at).padStart(3, '0')}`.padEnd(25, 'x'),
    Version: { Index: 1 },
    CreatedAt: '',
    UpdatedAt: '',
    IPAMOptions: { Configs: [{ Subnet: `10.92.${at}.0/24` }] },
    Spec: { Name: `many${at}`, Labels: {} },
  } as Network;
  return { network, gateway: `10.92.${at}.1` };
}

/** Its tasks have other addresses in each turn. */
function serviceAt(at: number, networks: readonly LocalNetwork[], turn: number): ServiceEndpoint {
  const network = networks[at % networks.length] as LocalNetwork;
  const third = at % networks.length;
  const first = 10 + 10 * Math.floor(at / networks.length);
  return {
    ServiceID: `service${at}`,
    Name: `many_service${at}`,
    Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 20_000 + at, PublishMode: 'ingress' }],
    VirtualIPs: [{ NetworkID: network.network.ID, Address: `10.92.${third}.${200 + Math.floor(at / networks.length)}` }],
    Tasks: Array.from({ length: many.tasks }, (_, task) => ({
      TaskID: `task${at}.${task}`,
      NodeID: `node${1 + (task % many.nodes)}`,
      Slot: task + 1,
      Ready: task !== turn % many.tasks || turn === 0,
      Networks: [{ NetworkID: network.network.ID, Address: `10.92.${third}.${first + task}`, Aliases: [] }],
    })),
  };
}

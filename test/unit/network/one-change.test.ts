import { expect, test } from 'vitest';
import type { ServiceEndpoint } from '#model/object/assignment';
import type { Traffic } from '#network/contract';
import { planOverlay } from '#network/overlay';
import { publishedPorts } from '#network/published-ports';
import { changeText, ruleSet } from '#network/rules/rule-set';
import { waysBack } from '#network/rules/way-back';
import { virtualServices } from '#network/virtual-services';
import { endpointTask, numberedNetwork, serviceEndpoint } from '#test/support/endpoints';

const networks = [{ network: { ...numberedNetwork('front', 4100), IPAMOptions: { Configs: [{ Subnet: '10.5.0.0/20' }] } }, gateway: '10.5.15.254' }];
const peers = [{ nodeId: 'node2', networkId: 'front', gateway: '10.5.15.253', address: '192.0.2.2', showsClients: true }];

/** One of many: `looked` is called whenever somebody looks at its tasks. */
function service(at: number, isReady: boolean, looked = () => {}): ServiceEndpoint {
  const { Tasks, ...rest } = serviceEndpoint(`web${at}`, [`${8000 + at}:80/tcp`], [endpointTask(`t${at}`, 1, isReady, `front 10.5.1.${at}`)]);
  return {
    ...rest,
    VirtualIPs: [{ NetworkID: 'front', Address: `10.5.2.${at}` }],
    get Tasks() {
      looked();
      return Tasks;
    },
  };
}

function decided(traffic: Traffic) {
  const ports = publishedPorts(traffic, 'node1');
  const services = virtualServices(traffic.services, networks);
  waysBack(traffic, 'node1');
  planOverlay({ ...traffic, peers });
  return ruleSet('t', { ports, services });
}

test('of many services one changes: the others’ tasks are not looked at again, and their rules stay', () => {
  let looks = 0;
  const others = Array.from({ length: 200 }, (_, at) => service(at + 1, true, () => looks++));
  const before = decided({ services: [service(0, false), ...others], networks, peers });
  expect(looks).toBeGreaterThan(0);
  looks = 0;
  const after = decided({ services: [service(0, true), ...others], networks, peers });
  expect(looks).toBe(0);
  const lines = changeText(before, after).split('\n');
  expect(lines.filter((line) => /10\.5\.1\.[1-9]/.test(line))).toEqual([]);
  expect(lines).toContain('add rule ip t p_tcp_8000 meta l4proto tcp dnat ip to 10.5.1.0:80');
});

test('the same service is decided anew where it is seen from elsewhere', () => {
  const web = service(1, true);
  const open = { services: [web], networks, peers, entry: { networkId: 'front', open: true } };
  expect(publishedPorts(open, 'node1')[0]?.targets).toEqual([{ address: '10.5.1.1', port: 80 }]);
  expect(publishedPorts({ ...open, entry: { networkId: 'front', open: false } }, 'node1')[0]).toMatchObject({ targets: [], closed: true });
  expect(publishedPorts({ ...open, peers: [{ ...peers[0]!, nodeId: 'node1', showsClients: false }] }, 'node1')[0]?.targets).toEqual([
    { address: '10.5.1.1', port: 80, hidden: true },
  ]);
  expect([...waysBack(open, 'node1').keys()]).toEqual(['t1']);
  expect([...waysBack(open, 'node2').keys()]).toEqual([]);
});

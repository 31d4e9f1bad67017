import { expect, test } from 'vitest';
import { holderKey, publishedPorts } from '#network/published-ports';
import { ruleSet } from '#network/rules/rule-set';
import { clusterNetwork, endpointTask, serviceEndpoint } from '../../support/endpoints.ts';

const networks = [
  { network: clusterNetwork('front'), gateway: '10.0.1.1' },
  { network: clusterNetwork('back', { Internal: true }), gateway: '10.0.2.1' },
  { network: clusterNetwork('ingress', { Ingress: true }), gateway: '10.0.3.1' },
];

test('a port for what is no address, of a specification that nobody looked at, is served nowhere', () => {
  const endpoint = serviceEndpoint('web', ['8080:80/tcp'], []);
  const saying = (HostIP: string) => ({ services: [{ ...endpoint, Ports: endpoint.Ports.map((port) => ({ ...port, Shoal: { HostIP } })) }], networks });
  expect(publishedPorts(saying('1.2.3.4 : drop'), 'node1')).toEqual([]);
  expect(publishedPorts(saying('192.0.2.1'), 'node1').map(holderKey)).toEqual(['192.0.2.1:8080/tcp']);
});

test('ready tasks are targets at their ingress address, in a settled order', () => {
  const tasks = [
    endpointTask('b', 2, true, 'front 10.0.1.6', 'ingress 10.0.3.6'),
    endpointTask('a', 1, true, 'front 10.0.1.5', 'ingress 10.0.3.5'),
    endpointTask('c', 3, false, 'front 10.0.1.7', 'ingress 10.0.3.7'),
  ];
  const ports = publishedPorts({ services: [serviceEndpoint('web', ['8080:80/tcp'], tasks)], networks }, 'node1');
  expect(ports).toEqual([
    {
      serviceName: 'web',
      protocol: 'tcp',
      port: 8080,
      targets: [
        { address: '10.0.3.5', port: 80 },
        { address: '10.0.3.6', port: 80 },
      ],
    },
  ]);
  expect(publishedPorts({ services: [serviceEndpoint('web', ['8080:80/tcp'], tasks.toReversed())], networks }, 'node1')).toEqual(ports);
});

test('while the way in is closed nobody is led anywhere, least of all by another network', () => {
  const tasks = [endpointTask('a', 1, true, 'front 10.0.1.5', 'ingress 10.0.3.5'), endpointTask('b', 2, true, 'front 10.0.1.6')];
  const services = [serviceEndpoint('web', ['8080:80/tcp'], tasks)];
  const targets = (traffic: Omit<Parameters<typeof publishedPorts>[0], 'services'>) => publishedPorts({ services, ...traffic }, 'node1')[0]?.targets;
  const entry = { networkId: 'ingress', open: false };
  const other = { address: '10.0.1.6', port: 80 };
  expect(targets({ networks: networks.slice(0, 2), entry })).toEqual([other]);
  expect(targets({ networks, entry })).toEqual([other]);
  // Clients are not refused for a moment that is over before they knock again.
  const [port] = publishedPorts({ services: [serviceEndpoint('web', ['8080:80/tcp'], tasks.slice(0, 1))], networks, entry }, 'node1');
  const { text } = ruleSet('shoal', { ports: port ? [port] : [] });
  expect(text).toContain('set closed { type inet_proto . inet_service; elements = { tcp . 8080 }; }');
  expect(text).toContain('ct state new fib daddr type local meta l4proto . th dport @closed drop;');
  // The number of a port for one address is others' on all the other addresses.
  const local = ruleSet('shoal', { ports: port ? [{ ...port, hostAddress: '127.0.0.1' }] : [] });
  expect(local.text).not.toContain('closed');
  expect(text.slice(text.indexOf('table ip6 shoal {'))).toContain('@closed drop;');
  expect(text).toContain('table ip shoal {\n  map ports { type inet_proto . inet_service : verdict; }');
  expect(targets({ networks, entry: { ...entry, open: true } })).toEqual([other, { address: '10.0.3.5', port: 80 }]);
});

test('without an ingress address the first network that is not internal serves', () => {
  const tasks = [endpointTask('a', 1, true, 'back 10.0.2.5', 'front 10.0.1.5'), endpointTask('b', 2, true, 'back 10.0.2.6')];
  const [port] = publishedPorts({ services: [serviceEndpoint('web', ['8080:80/tcp'], tasks)], networks }, 'node1');
  expect(port?.targets).toEqual([{ address: '10.0.1.5', port: 80 }]);
});

test('host mode and ports without a number are left out', () => {
  const tasks = [endpointTask('a', 1, true, 'front 10.0.1.5')];
  const ports = [{ TargetPort: 80 }, { TargetPort: 80, PublishedPort: 81, PublishMode: 'host' as const }, { PublishedPort: 82, TargetPort: 80 }];
  expect(publishedPorts({ services: [serviceEndpoint('web', ports, tasks)], networks }, 'node1').map(holderKey)).toEqual(['82/tcp']);
});

test('a host address narrows a port; the address of all is none', () => {
  const address = (HostIP: string) => ({ PublishedPort: 80, TargetPort: 80, Shoal: { HostIP } });
  const ports = ['0.0.0.0', '127.0.0.1', '[::1]', '::'].map(address);
  expect(publishedPorts({ services: [serviceEndpoint('web', ports, [])], networks }, 'node1').map(holderKey)).toEqual([
    '127.0.0.1:80/tcp',
    '80/tcp',
    '80/tcp',
    '[::1]:80/tcp',
  ]);
});

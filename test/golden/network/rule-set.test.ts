import { expect, test } from 'vitest';
import { nameServerRules, nameTableName } from '#network/rules/name-server-rules';
import { publishedPorts, ruleAddressOf } from '#network/published-ports';
import { ruleSet, tableName } from '#network/rules/rule-set';
import { clusterNetwork, endpointTask, serviceEndpoint } from '../../support/endpoints.ts';

const networks = [{ network: clusterNetwork('ingress', { Ingress: true }), gateway: '10.0.3.1' }];
const tasks = [endpointTask('a', 1, true, 'ingress 10.0.3.5'), endpointTask('b', 2, true, 'ingress 10.0.3.6')];

test('no ports', async () => {
  await expect(ruleSet(tableName(''), { ports: [] }).text).toMatchFileSnapshot('rule-sets/empty.nft');
});

test('all kinds of ports', async () => {
  const endpoints = [
    serviceEndpoint('web', ['80:8080/tcp', '53:5353/udp', '3868:3868/sctp'], tasks),
    serviceEndpoint('admin', [{ PublishedPort: 81, TargetPort: 81, Shoal: { HostIP: '127.0.0.1' } }, { PublishedPort: 82, TargetPort: 82, Shoal: { HostIP: '::1' } }], tasks.slice(0, 1)),
    serviceEndpoint('down', ['90:90/tcp', { PublishedPort: 91, TargetPort: 91, Shoal: { HostIP: '192.0.2.1' } }], []),
  ];
  const { text, revision } = ruleSet(tableName('n-1'), { ports: publishedPorts({ services: endpoints, networks }, 'node1'), subnets: ['10.0.3.0/24'] });
  await expect(text).toMatchFileSnapshot('rule-sets/all-kinds.nft');
  expect(text).toContain(`chain ${revision} {`);
});

test('equal input gives an equal revision, another target another', () => {
  const of = (list: typeof tasks): string => ruleSet('shoal', { ports: publishedPorts({ services: [serviceEndpoint('web', ['80:80/tcp'], list)], networks }, 'node1') }).revision;
  expect(of(tasks.toReversed())).toBe(of(tasks));
  expect(of(tasks.slice(1))).not.toBe(of(tasks));
});

test('of two ports with one key the first is served, and one of an IPv6 address has a loopback address of its own', () => {
  const port = { PublishedPort: 81, TargetPort: 81 };
  const endpoint = serviceEndpoint('web', [{ ...port, Shoal: { HostIP: '127.0.0.1' } }, { ...port, Shoal: { HostIP: '::1' } }], tasks);
  const { text } = ruleSet('shoal', { ports: publishedPorts({ services: [endpoint, endpoint], networks }, 'node1') });
  const own = ruleAddressOf('::1');
  expect(own).toMatch(/^127\.(6[4-9]|[789]\d|1[01]\d|12[0-7])\./);
  expect(text.match(/127\.\S+ \. tcp \. 81 : goto \w+/g)?.toSorted()).toEqual([
    '127.0.0.1 . tcp . 81 : goto p_tcp_81_127_0_0_1',
    `${own} . tcp . 81 : goto p_tcp_81___1`,
  ]);
});

test('the way to the name servers is for each network’s own containers', async () => {
  const bridged = [
    { network: clusterNetwork('frontnetworkid'), gateway: '10.0.1.1', nameServerPort: 64_053 },
    { network: clusterNetwork('backnetworkid'), gateway: '10.0.2.1' },
  ];
  await expect(nameServerRules(nameTableName('n-1'), bridged).text).toMatchFileSnapshot('rule-sets/name-servers.nft');
  expect(nameServerRules('t', bridged.toReversed()).revision).toBe(nameServerRules('t', bridged).revision);
});

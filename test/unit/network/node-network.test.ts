import { expect, test } from 'vitest';
import { joinFacets } from '#network/node-network';
import { endpointTask, serviceEndpoint } from '../../support/endpoints.ts';
import { recordedParts } from '../../support/recording-network.ts';

test('of a task of which nothing is left no part keeps anything', () => {
  const parts = recordedParts();
  joinFacets(parts).detached('t1');
  expect([parts.bridges.gone, parts.ports.gone, parts.names.gone]).toEqual([['t1'], ['t1'], ['t1']]);
});

test('a service that gets an address of its own while it serves is found by its tasks until connections to the address are led to them', async () => {
  const parts = recordedParts();
  const network = joinFacets(parts);
  const task = endpointTask('t1', 1, true, 'net1 10.5.0.11');
  const byTasks = { services: [serviceEndpoint('app', [], [task])], networks: [] };
  const app = { ...serviceEndpoint('app', [], [task]), VirtualIPs: [{ NetworkID: 'net1', Address: '10.5.0.9' }] };
  const byAddress = { services: [app, { ...app, ServiceID: 'other' }], networks: [] };
  const told = () => parts.names.wanted?.services.map(({ VirtualIPs = [] }) => VirtualIPs.map(({ Address }) => Address).join());
  await Promise.all([network.names.apply(byTasks), network.ports.apply(byTasks)]);
  let led = (): void => {};
  parts.ports.before = () => new Promise((resolve) => (led = resolve));
  const [names, ports] = [network.names.apply(byAddress), network.ports.apply(byAddress)];
  await names;
  // Nobody has asked for the other one yet: who is refused by it has lost nothing.
  expect(told()).toEqual(['', '10.5.0.9']);
  led();
  await ports;
  expect(told()).toEqual(['10.5.0.9', '10.5.0.9']);
});

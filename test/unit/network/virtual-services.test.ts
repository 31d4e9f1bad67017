import { expect, test } from 'vitest';
import { containerRules } from '#network/rules/container-rules';
import { NameTable } from '#network/names';
import { ruleSet } from '#network/rules/rule-set';
import { leftTargets, virtualServices } from '#network/virtual-services';
import { endpointTask, numberedNetwork, serviceEndpoint } from '#test/support/endpoints';

const front = { network: numberedNetwork('frontnetworkfront', 4100), gateway: '10.5.0.1' };
const id = front.network.ID;
const task = (name: string, slot: number, ready: boolean) => endpointTask(name, slot, ready, `${id} 10.5.0.${10 + slot} api`);
const web = (...tasks: ReturnType<typeof task>[]) => ({
  ...serviceEndpoint('shop_web', [], tasks),
  VirtualIPs: [
    { NetworkID: id, Address: '10.5.0.9' },
    { NetworkID: 'elsewhere', Address: '10.6.0.9' },
  ],
});

test('a name leads to the service’s address, tasks.NAME to all ready tasks, a task’s name to it', () => {
  const names = new NameTable([web(task('t1', 1, true), task('t2', 2, true), task('t3', 3, false))]);
  for (const name of ['shop_web', 'web.shop', 'api', 'api.shop']) expect([name, names.lookUp(name, '10.5.0.11', id)]).toEqual([name, ['10.5.0.9']]);
  expect(names.lookUp('tasks.web.shop', '10.5.0.11', id)).toEqual(['10.5.0.11', '10.5.0.12']);
  expect(names.lookUp('tasks.api', '10.5.0.11', id)).toEqual(['10.5.0.11', '10.5.0.12']);
  expect(names.lookUp('shop_web.1.t1', '10.5.0.11', id)).toEqual(['10.5.0.11']);
});

test('the address is given though no task is ready or there is none, and only on its network', () => {
  const names = new NameTable([web()]);
  expect(names.lookUp('shop_web', '10.5.0.11', id)).toEqual(['10.5.0.9']);
  expect(names.lookUp('shop_web', '10.7.0.11', 'other')).toBeUndefined();
  names.set({ ...web(), VirtualIPs: [] });
  expect(names.lookUp('shop_web', '10.5.0.11', id)).toBeUndefined();
});

test('only ready tasks and only networks of this node count', () => {
  const [only, ...others] = virtualServices([web(task('t1', 1, true), task('t2', 2, false))], [front]);
  expect([only, others]).toEqual([{ networkId: id, serviceName: 'shop_web', bridge: 'sh-frontnetwor', address: '10.5.0.9', targets: ['10.5.0.11'] }, []]);
});

test('on the host an address is led from its own network’s bridge; who comes past that is refused', () => {
  const { text } = ruleSet('shoal', { ports: [], services: virtualServices([web(task('t1', 1, true), task('t2', 2, true))], [front]) });
  expect(text).toContain('elements = { "sh-frontnetwor" . 10.5.0.9 : goto v_10_5_0_9 }');
  expect(text).toContain('dnat to numgen inc mod 2 map { 0 : 10.5.0.11, 1 : 10.5.0.12 }');
  expect(text).toContain('ct state new ip daddr @virtual goto refuse;');
});

test('a container knows the services of its own networks; one without a ready task refuses at once', () => {
  const led = containerRules(virtualServices([web(task('t1', 1, true))], [front]), new Set([id]));
  expect(led.text).toContain('10.5.0.9 : goto v_10_5_0_9');
  const dead = containerRules(virtualServices([web(task('t1', 1, false))], [front]), new Set([id]));
  expect(dead.text).toContain('set dead { type ipv4_addr; elements = { 10.5.0.9 }; }');
  expect(containerRules(virtualServices([web(task('t1', 1, true))], [front]), new Set(['other'])).text).not.toContain('10.5.0.9');
});

test('a task that is not ready any more, or of a service that is gone, is led to no longer', () => {
  const led = (...tasks: ReturnType<typeof task>[]) => virtualServices([web(...tasks)], [front]);
  const both = led(task('t1', 1, true), task('t2', 2, true));
  expect(leftTargets(both, both)).toEqual([]);
  expect(leftTargets(both, led(task('t1', 1, true), task('t2', 2, false)))).toEqual(['10.5.0.12']);
  expect(leftTargets(both, [])).toEqual(['10.5.0.11', '10.5.0.12']);
  expect(leftTargets([], both)).toEqual([]);
});

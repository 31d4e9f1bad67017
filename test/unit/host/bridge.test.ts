/** What is done for the engine's bridges that somebody changed. */
import { expect, test } from 'vitest';
import { raising, type ShownBridge } from '#host/bridge';
import { bridgeName } from '#model/object/network';
import { numberedNetwork } from '#test/support/endpoints';

const gateway = '10.1.2.9';
const network = { ...numberedNetwork('network1', 4097), IPAMOptions: { Configs: [{ Subnet: '10.1.2.0/24' }] } };
const name = bridgeName(network.ID);
const well: ShownBridge = { ifname: name, flags: ['BROADCAST', 'UP'], addr_info: [{ local: gateway }] };
const address = `addr add ${gateway}/24 broadcast + dev ${name}`;

test.each<[string, ShownBridge[], string[]]>([
  ['is as it should be', [well], []],
  ['is set down', [{ ...well, flags: ['BROADCAST'] }], [`link set dev ${name} up`]],
  ['lost its address', [{ ...well, addr_info: [] }], [address]],
  ['lost its address, and is set down', [{ ...well, addr_info: [{ local: '10.99.0.1' }], flags: [] }], [address, `link set dev ${name} up`]],
  ['is not there', [{ ...well, ifname: 'docker0', flags: [] }], []],
])('a bridge that %s', (_how, shown, lines) => {
  expect(raising([{ network, gateway }], shown)).toEqual({ lines, raised: lines.length > 0 ? [network.Spec.Name] : [] });
});

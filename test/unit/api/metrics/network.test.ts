/** What Prometheus reads of this node's network. */
import { expect, test } from 'vitest';
import { Metrics } from '#api/metrics/metrics';
import { realClock } from '#test/support/real-clock';
import type { NetworkFigures } from '#api/dependencies';

test('the counters of the network’s parts, and what they cannot serve; parts that are gone are not shown', async () => {
  let figures: NetworkFigures[] = [
    { part: 'names', counters: { answered: 5, forwarded: 2 }, problems: 0 },
    { part: 'ports', counters: { rules_loaded: 1 }, problems: 3 },
  ];
  const metrics = new Metrics({
    cluster: { read: () => Promise.reject(new Error('no leader')), watch: () => () => {} } as never,
    swarm: { status: () => ({ LocalNodeState: 'inactive', NodeID: '', NodeAddr: '', ControlAvailable: false, Error: '' }) } as never,
    reconciler: {} as never,
    clock: realClock,
    metrics: { raftIndex: () => 0, leads: () => false, readOnly: () => false, network: async () => figures },
  });
  const lines = async () => (await metrics.text()).split('\n').filter((line) => line.startsWith('shoal_network_'));
  expect(await lines()).toEqual([
    'shoal_network_total{part="names",what="answered"} 5',
    'shoal_network_total{part="names",what="forwarded"} 2',
    'shoal_network_total{part="ports",what="rules_loaded"} 1',
    'shoal_network_problems{part="names"} 0',
    'shoal_network_problems{part="ports"} 3',
  ]);
  figures = [];
  expect(await lines()).toEqual([]);
});

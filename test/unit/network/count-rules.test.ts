/** Counters of connections by service: what is kept, what goes, and what they are read as. */
import { expect, test } from 'vitest';
import { countersAfter, countersIn, countRules, serviceCounts } from '#network/rules/count-rules';

const port = (serviceName: string, number: number, targets: number, protocol: 'tcp' | 'udp' = 'tcp') =>
  ({ serviceName, protocol, port: number, targets: Array.from({ length: targets }, (_, at) => ({ address: `10.0.0.${at + 1}`, port: 80 })) }) as const;

test('a service that is refused for a while keeps its counts, and one that is gone loses them, after nothing names them any more', () => {
  const known = new Set(['c_web', 's_web', 'r_web', 'c_gone.1-x', 's_gone.1-x']);
  const lines = countRules('t', [port('web', 8080, 0)], [], known).split('\n');
  expect(lines.filter((line) => line.startsWith('delete'))).toEqual(['delete counter ip t c_gone.1-x', 'delete counter ip t s_gone.1-x']);
  expect(lines).toContain('add element ip t ports { tcp . 8080 : "r_web" }');
  expect(lines.indexOf('flush map ip t ports')).toBeLessThan(lines.indexOf('delete counter ip t c_gone.1-x'));
});

test('which counters there are after a change is known without a look', () => {
  const known = new Set(['c_web', 's_web', 'c_gone']);
  const text = countRules('t', [port('web', 8080, 0), port('new', 8081, 1)], [], known);
  expect([...countersAfter(known, text)].toSorted()).toEqual(['c_new', 'c_web', 'r_web', 's_new', 's_web']);
});

test('connections are counted where they come in, by port and by a service’s own address; resets of TCP alone', () => {
  const service = { networkId: 'n', serviceName: 'db', bridge: 'sh-n', address: '10.0.0.9', targets: ['10.0.0.1'] };
  const text = countRules('t', [port('web', 8080, 2), port('dns', 53, 1, 'udp'), port('other', 8080, 1)], [service], new Set());
  expect(text).toContain('add element ip t ports { tcp . 8080 : "c_web", udp . 53 : "c_dns" }');
  expect(text).toContain('add element ip t resets { tcp . 8080 : "s_web" }');
  expect(text).toContain('add element ip t virtual { 10.0.0.9 : "c_db" }');
});

test('what the kernel counted, by service', () => {
  const nftables = [
    { metainfo: {} },
    ...Object.entries({ 'c_web-1.x': 3, 's_web-1.x': 1, r_db: 2 }).map(([name, packets]) => ({ counter: { name, packets } })),
  ];
  expect(Object.fromEntries(serviceCounts(countersIn(JSON.stringify({ nftables }))))).toEqual({
    'web-1.x': { connections: 3, resets: 1 },
    db: { refusals: 2 },
  });
});

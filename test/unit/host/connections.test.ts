/** Who is connected to a container, of what its kernel tells. */
import { connect, createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { hasConnection, isConnected } from '#host/containers/connections';
import { until } from '../../support/machine.mjs';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0`;
const told = (...lines: string[]): string => [head, ...lines, ''].join('\n');
const listening = line('00000000:0050', '00000000:0000', '0A');

test.each([
  ['nobody', told(listening), '', false],
  ['a client', told(listening, line('0B00050A:0050', '0C00050A:9C40', '01')), '', true],
  ['a client of one that listens for both families', told(), told(line('000:0050', '000:0000', '0A'), line('0B0:0050', '0C0:9C40', '01')), true],
  ['one that is gone but for its last packets', told(listening, line('0B00050A:0050', '0C00050A:9C40', '06')), '', false],
  ['somebody whom it asks itself', told(listening, line('0B00050A:9C40', '0C00050A:0050', '01')), '', false],
])('connected to it: %s', (_who, four, six, connected) => {
  expect(hasConnection([four, six])).toBe(connected);
});

test('as this machine’s kernel tells it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await new Promise((resolve) => server.once('connection', resolve));
  await until(
    () => isConnected(process.pid),
    5000,
    () => 'nobody is connected',
  );
  client.destroy();
  server.close();
  expect(await isConnected(2 ** 30)).toBe(false);
});

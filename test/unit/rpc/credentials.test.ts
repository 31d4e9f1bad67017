/** What a connection between nodes is begun with. */
import { expect, test } from 'vitest';
import { JoinerCredentials } from '#rpc/credentials';

test('nobody connects for who has given up: gRPC tries once more, a second after an address refused', async () => {
  const connector = new JoinerCredentials()._createSecureConnector({ path: 'nowhere' }, {});
  await connector.waitForReady();
  connector.destroy();
  await expect(connector.waitForReady()).rejects.toThrow('nobody waits');
});

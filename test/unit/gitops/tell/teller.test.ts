/** What the teller does with targets that nothing can be sent to, and what its log says of those that do not answer. */
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { Logger } from '#base/logger';
import { second } from '#base/text/duration';
import { createRepository, setRepositoryStatus } from '#control/repository/repositories';
import { Teller } from '#gitops/tell/teller';
import type { NotifyTarget } from '#model/git/notify';
import { update } from '#store/action';
import { within } from '#test/support/git-repository';
import { initialisedCluster } from '#test/support/memory-cluster';
import { VirtualClock } from '#test/support/virtual-clock';

/** A repository whose commit failed, with a target as it may stand in the store. */
function made(target: Omit<NotifyTarget, 'ID'>) {
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock });
  cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  cluster.run(setRepositoryStatus('infra', { State: 'degraded', Commit: '1'.repeat(40), Message: '', Since: '', Refused: { a: ['x'] } }));
  const repository = () => {
    const found = cluster.store.byName('repository', 'infra');
    if (!found) throw new Error('no repository');
    return found;
  };
  cluster.write([update('repository', { ...repository(), Notify: [{ ID: 't', ...target }] })]);
  const lines: string[] = [];
  const log = (facts: object, message: string): void => void lines.push(JSON.stringify([facts, message]));
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const teller = new Teller({ cluster, clock, logger, commits: () => Promise.reject(new Error('nobody knows')) });
  const told = async (): Promise<string> => {
    teller.notice();
    await clock.advance(500);
    await within(
      30_000,
      () => lines.length > 0,
      () => 'nothing was logged',
    );
    return lines.join('\n');
  };
  return { teller, told, waiting: () => repository().Outbox?.length ?? 0 };
}

test.each<[string, Omit<NotifyTarget, 'ID'>]>([
  ['an address that is none', { Kind: 'webhook', URL: 'https://x.example:99999/SECRET' }],
  ['a token that no header takes', { Kind: 'github', URL: 'https://x.example', Project: 'a/b', Secret: 'SECRET€' }],
])('%s is given up at once, and the log does not show it', async (_what, target) => {
  const { teller, told, waiting } = made(target);
  const text = await told();
  expect([text.includes('given up'), text.includes('none that can be sent'), /SECRET|x\.example/.test(text)]).toEqual([true, true, false]);
  await teller.stop();
  expect(waiting()).toBe(0);
});

test('of a target that hangs up the log says which failure it was, and the message waits', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { teller, told, waiting } = made({ Kind: 'webhook', URL: `http://127.0.0.1:${port}/SECRET` });
  const text = await told();
  await teller.stop();
  await new Promise((resolve) => server.close(resolve));
  expect(text).toMatch(/it was not reached \([A-Z_]+\).*tried again/);
  expect([text.includes('SECRET'), waiting()]).toEqual([false, 1]);
});

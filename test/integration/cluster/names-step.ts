/** Names while one host's name server is dead: its containers ask another host's. */
import { expect } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import { resolveIn, type Replica } from '#test/support/replicas';
import { isAlive, resolverPid, resolverSocket } from '#test/support/resolver-process';

export interface NamesWorld {
  worker: HostDaemon;
  /** Containers on both hosts, all those of `tasks.app`. */
  all: readonly Replica[];
  soon: (condition: () => boolean | Promise<boolean>) => Promise<unknown>;
}

/** The daemon is dead too: nobody brings the name server back. Ends with both there again. */
export async function namesStep({ worker, all, soon }: NamesWorld): Promise<void> {
  const here = all.filter(({ host }) => host === worker.host);
  const led = ({ enter }: Replica): string =>
    /169\.254\.53\.53 .* dnat (?:ip )?to (\S+)/.exec(worker.host.run([...enter, 'nft', 'list', 'table', 'ip', 'shoal_vip']))?.[1] ?? '';
  const servers = ({ host, id }: Replica): string[] => JSON.parse(host.docker(['inspect', '-f', '{{json .HostConfig.Dns}}', id])) as string[];
  const others = new Set(all.filter(({ host }) => host !== worker.host).map((each) => servers(each)[0]));
  for (const from of here) {
    expect(servers(from).slice(1)).toEqual(['169.254.53.53']);
    expect(others).not.toContain(servers(from)[0]);
    await soon(() => others.has(led(from)));
  }
  await worker.kill();
  const pid = await resolverPid(resolverSocket(worker.runFolder));
  process.kill(pid, 'SIGKILL');
  await soon(() => !isAlive(pid));
  const addresses = all.map(({ address }) => address).sort();
  for (const from of here) for (let time = 0; time < 5; time++) expect(resolveIn(from, 'tasks.app')).toEqual(addresses);
  await worker.start();
  await soon(async () => (await resolverPid(resolverSocket(worker.runFolder)).catch(() => pid)) !== pid);
  for (const from of here) await soon(() => resolveIn(from, 'tasks.app').join() === addresses.join());
}

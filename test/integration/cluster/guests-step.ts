/** Containers that are no task's on attachable networks: while they run, and when more have ended than their network has addresses for. */
import { expect } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import { startNameServer } from '#test/support/name-server';
import { fetchFrom as fetch, resolveIn as resolve, type Replica } from '#test/support/replicas';

interface Step {
  manager: HostDaemon;
  worker: HostDaemon;
  image: string;
  /** Words of `service create`. */
  atOnce: readonly string[];
  replicas: (service: string, network: string) => Replica[];
  soon: (condition: () => boolean | Promise<boolean>) => Promise<void>;
}

export async function guestsStep({ manager, worker, image, atOnce, replicas, soon }: Step): Promise<void> {
  await manager.askDocker('network', 'create', '-d', 'overlay', '--attachable', 'open');
  await manager.askDocker('service', 'create', '-d', '--name', 'near', '--network', 'open', ...atOnce, image);
  expect((await worker.docker(['run', '-d', '--network', 'front', image])).stderr).toContain('network front not manually attachable');
  const make = async (daemon: HostDaemon, name: string, ...options: string[]): Promise<Replica> => {
    await daemon.askDocker('run', '-d', '--name', name, '--hostname', name, ...options, image);
    const format = '{{with .NetworkSettings.Networks.open}}{{.IPAddress}}{{end}} {{.State.Pid}}';
    const [address = '', pid = ''] = daemon.host.docker(['inspect', '-f', format, name]).trimEnd().split(' ');
    return { host: daemon.host, id: name, address, name, enter: ['nsenter', '-t', pid, '-n'] };
  };
  const here = await make(manager, 'here', '--network', 'open');
  const there = await make(worker, 'there', '--network', 'open', '--network-alias', 'yonder');
  expect(await worker.askDocker('network', 'ls', '--filter', 'driver=overlay', '--format', '{{.Name}} {{.Scope}}')).toContain('open swarm');
  await soon(() => ['there', 'yonder'].every((name) => resolve(here, name)[0] === there.address) && resolve(there, 'here')[0] === here.address);
  await soon(() => fetch(here.enter, there.address) === 'there' && fetch(there.enter, here.address) === 'here');
  const [near] = replicas('near', 'open') as [Replica];
  await soon(() => [here, there].every((from) => fetch(from.enter, resolve(from, 'near')[0] ?? '') === near.name));
  expect(resolve(there, 'tasks.near')).toEqual([near.address]);
  const ping = (from: Replica, address = ''): string => from.host.run([...from.enter, 'busybox', 'ping', '-c', '1', '-W', '5', address]);
  // By the name of a service, of its task, and of one another.
  const taskName = (await manager.askDocker('service', 'ps', 'near', '--no-trunc', '--format', '{{.Name}}.{{.ID}}')).trim();
  for (const from of [here, there]) for (const name of ['near', taskName]) expect(ping(from, resolve(from, name)[0])).toContain(' 0% packet loss');
  expect(ping(near, resolve(near, 'there')[0])).toContain(' 0% packet loss');

  expect((await manager.docker(['run', '-d', '--network', 'open', '--ip', there.address, image])).stderr).toContain('is already in use');
  await manager.askDocker('service', 'rm', 'near');
  await soon(() => replicas('near', 'open').length === 0);
  await manager.askDocker('network', 'prune', '-f');
  await soon(async () => /is in use by task/.test((await manager.docker(['network', 'rm', 'open'])).stderr));

  const late = await make(worker, 'late', '--dns', '192.0.2.53');
  await worker.askDocker('network', 'connect', 'open', 'late');
  await soon(() => fetch(here.enter, resolve(here, 'late')[0] ?? '') === late.name);
  // Its engine asks the servers that it was made with: what goes there is answered by the cluster's own.
  await soon(() => resolve(late, 'here')[0] === here.address);
  const own = await startNameServer(worker.host, '192.0.2.53', '192.0.2.99');
  await soon(() => resolve(late, 'only.there.example')[0] === '192.0.2.99' && resolve(here, 'only.there.example')[0] !== '192.0.2.99');
  own.stop();
  await worker.askDocker('network', 'disconnect', 'open', 'late');
  await soon(() => !late.host.run([...late.enter, 'nft', 'list', 'ruleset']).includes('@servers'));
  worker.host.docker(['kill', 'there']);
  await soon(() => ['there', 'late'].every((name) => !/^\d/.test(resolve(here, name)[0] ?? '')));
  await worker.askDocker('start', 'there');
  await soon(() => resolve(here, 'there')[0] === there.address && fetch(here.enter, there.address) === 'there');
}

const address = '{{.NetworkSettings.Networks.tiny.IPAMConfig.IPv4Address}}';

export async function parkedStep({ manager, worker, image, soon }: Pick<Step, 'manager' | 'worker' | 'image' | 'soon'>): Promise<void> {
  const { host } = worker;
  const shown = (name: string, format: string): string => host.docker(['inspect', '-f', format, name]).trim();
  await manager.askDocker('network', 'create', '-d', 'overlay', '--attachable', '--subnet', '10.201.0.0/29', 'tiny');
  const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((name) => `job-${name}`);
  for (const name of names) await worker.askDocker('run', '--name', name, '--network', 'tiny', '--network-alias', 'job', image, 'true');
  const [first = '', ...others] = names;
  const gateway = host.docker(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', shown(first, '{{.HostConfig.NetworkMode}}')]).trim();
  expect(shown(first, address)).toBe(gateway);
  // Past the daemon nobody starts it: its engine refuses that.
  expect(() => host.docker(['start', first])).toThrow('Address already in use');
  await worker.askDocker('start', first);
  expect(shown(first, `${address} {{.State.ExitCode}}`)).toMatch(/^10\.201\.0\.\d+ 0$/);
  expect(shown(first, '{{.NetworkSettings.Networks.tiny.Aliases}}')).toContain('job');
  const held = [first, ...others].map((name) => shown(name, address)).filter((text) => text !== gateway);
  expect([held.length >= 4, new Set(held).size]).toEqual([true, held.length]);
  await worker.askDocker('rm', ...names);
  await soon(async () => (await manager.docker(['network', 'rm', 'tiny'])).code === 0);
}

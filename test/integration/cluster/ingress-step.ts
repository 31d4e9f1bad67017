/** The network of published ports, removed and made again by hand, beside services that stay. */
import { expect } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import type { fetchFrom, Replica } from '#test/support/replicas';
import type { Host } from '../../support/machine.mjs';

interface Step {
  machines: { hosts: readonly Host[] };
  manager: HostDaemon;
  /** Words of `service create` behind those of its ports. */
  create: readonly string[];
  replicas: (service: string, network: string) => Replica[];
  fetch: typeof fetchFrom;
  soon: (condition: () => boolean | Promise<boolean>) => Promise<void>;
}

export async function ingressStep({ machines, manager, create, replicas, fetch, soon }: Step): Promise<void> {
  const ids = (await manager.askDocker('service', 'ls', '-q')).split('\n');
  const published = await manager.askDocker('service', 'inspect', '--format', '{{if .Endpoint.Ports}}{{.Spec.Name}}{{end}}', ...ids);
  await manager.askDocker('service', 'rm', ...published.split('\n').filter(Boolean));
  await soon(() => replicas('app', 'front').length === 0);
  await soon(async () => (await manager.docker(['network', 'rm', 'ingress'], { input: 'y\n' })).code === 0);
  const options = ['--subnet', '10.211.0.0/16', '--gateway', '10.211.0.2', '--opt', 'com.docker.network.driver.mtu=1200'];
  await soon(async () => (await manager.docker(['network', 'create', '-d', 'overlay', '--ingress', ...options, 'mine'])).code === 0);
  await manager.askDocker('service', 'create', '-d', '--name', 'app', '--replicas', '5', '-p', '8080:80', ...create);
  await soon(() => replicas('app', 'mine').length === 5);
  const all = replicas('app', 'mine');
  expect(all.filter(({ address }) => !address.startsWith('10.211.'))).toEqual([]);
  const [first] = all as [Replica];
  expect(first.host.run([...first.enter, 'ip', '-o', 'link'])).toMatch(/mtu 1200 /);
  for (const { address } of machines.hosts) {
    const seen = new Set<string | undefined>();
    await soon(() => {
      seen.add(fetch(manager.host.enter, `${address}:8080`));
      return all.every(({ name }) => seen.has(name));
    });
  }
}

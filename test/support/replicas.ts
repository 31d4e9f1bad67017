/** Containers of services on several hosts, and what programs in their networks reach. */
import { spawnSync } from 'node:child_process';
import type { Host } from './machine.mjs';

export interface Replica {
  host: Host;
  id: string;
  address: string;
  name: string;
  /** Command prefix that runs a command in the container's network. */
  enter: string[];
}

/** The running containers of a service, with their addresses on a network. */
export function replicasOn(hosts: readonly Host[], service: string, network: string): Replica[] {
  return hosts.flatMap((host) => {
    const ids = host
      .docker(['ps', '-q', '--filter', `label=com.docker.swarm.service.name=${service}`])
      .split('\n')
      .filter(Boolean);
    return ids.flatMap((id) => {
      const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}} {{.Config.Hostname}} {{.State.Pid}}`;
      const [address = '', name = '', pid = ''] = inspected(host, format, id);
      return pid === '' || pid === '0' ? [] : [{ host, id, address, name, enter: ['nsenter', '-t', pid, '-n'] }];
    });
  });
}

/** One that has just ended is none. */
function inspected(host: Host, format: string, id: string): string[] {
  try {
    return host.docker(['inspect', '-f', format, id]).trim().split(' ');
  } catch (error) {
    if (/No such object/.test(String((error as { stderr?: unknown }).stderr))) return [];
    throw error;
  }
}

/** What a program there gets; undefined when nobody answers. */
export function fetchFrom(enter: readonly string[], url: string): string | undefined {
  const [program, ...args] = [...enter, 'curl', '-s', '--noproxy', '*', '-m', '3', `http://${url}`];
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** The addresses that a container's resolver gives. */
export function resolveIn({ enter }: Replica, name: string): string[] {
  const script = `const r = new (require('dns').promises.Resolver)({ timeout: 3000, tries: 1 }); r.setServers(['127.0.0.11']);
    r.resolve4(process.argv[1]).then((a) => console.log(a.sort().join(' ')), (e) => console.log(e.code));`;
  const [program, ...args] = [...enter, process.execPath, '-e', script, name];
  return spawnSync(program, args, { encoding: 'utf8' }).stdout.trim().split(' ');
}

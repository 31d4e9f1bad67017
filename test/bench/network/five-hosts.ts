/** A cluster of hosts with a firewall that forwards nothing by itself, for the benches of its network. */
import { spawnSync } from 'node:child_process';
import { HostDaemon } from '../../support/daemon.ts';
import type { startHosts } from '../../support/hosts.mjs';
import { loadImage, until, type Host } from '../../support/machine.mjs';

export const image = 'shoal-net:1';
export const limitMs = 180_000;
/** Answers with its own name, and by `/cgi-bin/who` with the address that called. */
const command = ['/bin/sh', '-c', 'hostname > /www/index.html; exec httpd -f -p 80 -h /www'];
const files = { 'www/cgi-bin/who': '#!/bin/sh\necho; echo $REMOTE_ADDR\n' };

export interface Replica {
  host: Host;
  name: string;
  /** On the network that was asked for. */
  address: string;
  /** Words before a command that runs it in the container's network. */
  enter: string[];
}

export class FiveHosts {
  readonly machines: Awaited<ReturnType<typeof startHosts>>;
  daemons: readonly HostDaemon[] = [];

  constructor(machines: Awaited<ReturnType<typeof startHosts>>) {
    this.machines = machines;
    for (const host of machines.hosts) {
      host.run(['iptables', '-P', 'FORWARD', 'DROP']);
      loadImage(host.socket, image, { command, files });
    }
  }

  get hosts(): readonly Host[] {
    return this.machines.hosts;
  }

  /** Outside the hosts, on the line between them. */
  get client(): string {
    return this.hosts[0]?.address.replace(/\.\d+$/, '.254') ?? '';
  }

  /** The first is the manager. */
  async form(): Promise<HostDaemon> {
    this.daemons = this.hosts.map((host: Host, at: number) => new HostDaemon(host, `f${at}`, ['--safe-mode=false']));
    await Promise.all(this.daemons.map((daemon) => daemon.start()));
    const [first, ...others] = this.daemons as [HostDaemon, ...HostDaemon[]];
    await first.ask('swarm', 'init', '--advertise-addr', first.host.address);
    const token = await first.ask('swarm', 'join-token', '-q', 'worker');
    for (const daemon of others) await daemon.ask('swarm', 'join', '--token', token, `${first.host.address}:2377`);
    return first;
  }

  async end(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.remove()));
    await this.machines.stop();
  }

  /** Running containers of a service, wherever they are. */
  replicas(service: string, network: string): Replica[] {
    return this.hosts.flatMap((host: Host) => {
      const ids = host
        .docker(['ps', '-q', '--filter', `label=com.docker.swarm.service.name=${service}`])
        .split('\n')
        .filter(Boolean);
      return ids.flatMap((id) => {
        const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}} {{.Config.Hostname}} {{.State.Pid}}`;
        const [address = '', name = '', pid = ''] = inspected(host, format, id);
        // One that has just ended is none.
        return pid === '' || pid === '0' ? [] : [{ host, name, address, enter: ['nsenter', '-t', pid, '-n'] }];
      });
    });
  }

  async running(service: string, network: string, count: number): Promise<Replica[]> {
    let found: Replica[] = [];
    await until(
      () => (found = this.replicas(service, network)).length === count,
      limitMs,
      () => `${found.length} of ${count} of ${service} run\n${this.daemons.map((daemon) => daemon.lastLog()).join('\n')}`,
    );
    return found;
  }
}

function inspected(host: Host, format: string, id: string): string[] {
  try {
    return host.docker(['inspect', '-f', format, id]).trim().split(' ');
  } catch {
    return [];
  }
}

/** Runs a command in a network; its output, or undefined when it fails. */
export function within(enter: readonly string[], ...words: readonly string[]): string | undefined {
  const [program = '', ...args] = [...enter, ...words];
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' });
  return status === 0 ? stdout.trim() : undefined;
}

export function fetchIn(enter: readonly string[], url: string): string | undefined {
  return within(enter, 'curl', '-s', '--noproxy', '*', '-m', '3', `http://${url}`);
}

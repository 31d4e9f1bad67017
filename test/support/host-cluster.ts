/** Daemons on hosts of their own with a real engine each, as tests of several nodes start, ask and end them. */
import { join } from 'node:path';
import { startHosts } from './hosts.mjs';
import { loadImage, until, type Host } from './machine.mjs';
import { HostDaemon } from './daemon.ts';

export const limitMs = 60_000;

export class HostCluster {
  readonly machines: Awaited<ReturnType<typeof startHosts>>;
  readonly daemons: readonly HostDaemon[];

  private constructor(machines: Awaited<ReturnType<typeof startHosts>>, daemons: readonly HostDaemon[]) {
    this.machines = machines;
    this.daemons = daemons;
  }

  /** `count` daemons that are in no cluster yet, and `image` on each, whose containers run `command`; `programIn` gives their program, made below a folder. */
  static async start(count: number, image: string, command: readonly string[], programIn?: (folder: string) => string): Promise<HostCluster> {
    const machines = await startHosts(count);
    let daemons: HostDaemon[] = [];
    try {
      const program = programIn?.(join(machines.hosts[0]?.folder ?? '', 'program'));
      daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `n${at}`, ['--safe-mode=false'], [], program));
      for (const { socket } of machines.hosts) loadImage(socket, image, { command: [...command] });
      await Promise.all(daemons.map((daemon) => daemon.start()));
      return new HostCluster(machines, daemons);
    } catch (error) {
      await new HostCluster(machines, daemons).end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.remove()));
    await this.machines.stop();
  }

  /** The end of each daemon's log: what a failed test shows. */
  readonly logs = (): string => this.daemons.map((daemon) => `--- ${daemon.host.name}\n${daemon.lastLog()}`).join('\n');

  /** Ids of all containers that are tasks. */
  readonly containers = (): string[] => this.daemons.flatMap(containersOf);

  /** Waits until `look` sees what is wanted. */
  readonly eventually = async <T>(look: () => Promise<T> | T, wanted: T): Promise<void> => {
    let seen: T | undefined;
    await until(
      async () => JSON.stringify((seen = await look())) === JSON.stringify(wanted),
      limitMs,
      () => `${JSON.stringify(seen)} and not ${JSON.stringify(wanted)}\n${this.logs()}`,
    );
  };

  /** Asked again until it succeeds: a leader may just be on its way, or an object have changed since it was read. */
  readonly insist = async (daemon: HostDaemon, ...args: string[]): Promise<void> => {
    let said = '';
    await until(
      async () => {
        const { code, stderr } = await daemon.docker(args);
        said = stderr;
        return code === 0 || stderr.includes('already exists') || stderr.includes('conflicts with an existing object');
      },
      limitMs,
      () => `${said}\n${this.logs()}`,
    );
  };
}

/** Lines with something in them, in order. */
export function sortedLines(text: string): string[] {
  return text.split('\n').filter(Boolean).toSorted();
}

/** Ids of a host's containers that are tasks. */
export function containersOf({ host }: HostDaemon): string[] {
  return sortedLines(host.docker(['ps', '-q', '--no-trunc', '--filter', 'label=com.docker.swarm.task.id']));
}

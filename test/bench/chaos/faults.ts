/** What goes wrong on real hosts, and is mended after a while: processes die, links are cut, nodes are drained. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { integerBetween, type Random } from '#base/random';
import type { HostDaemon } from '../../support/daemon.ts';
import type { Hosts } from '../../support/hosts.mjs';
import { resolverPid } from '../../support/resolver-process.ts';
import { pick } from '../soak/hostility.ts';

/** So many hosts may be in trouble at a time. */
const atOnce = 2;

export class Faults {
  readonly #troubled = new Map<HostDaemon, Promise<void>>();
  count = 0;

  constructor(
    readonly machines: Pick<Hosts, 'cut' | 'deafen' | 'heal'>,
    readonly daemons: readonly HostDaemon[],
    readonly random: Random,
    readonly journal: (text: string) => void,
  ) {}

  /** Begins one, unless there are enough. */
  one(): void {
    const well = this.daemons.filter((daemon) => !this.#troubled.has(daemon));
    if (this.#troubled.size >= atOnce || well.length === 0) return;
    const daemon = pick(well, this.random);
    const kind = pick(['kill', 'kill', 'stop', 'engine', 'resolver', 'cut', 'cut', 'deafen', 'drain'] as const, this.random);
    const lastsMs = integerBetween(this.random, 200, 9000);
    this.count++;
    this.journal(`${kind} ${daemon.name} for ${lastsMs} ms`);
    const over = this.#run(kind, daemon, lastsMs).then(
      () => this.journal(`${kind} ${daemon.name} is over`),
      (error: unknown) => this.journal(`${kind} ${daemon.name} did not end well: ${(error as Error).message.slice(0, 300)}`),
    );
    this.#troubled.set(
      daemon,
      over.finally(() => this.#troubled.delete(daemon)),
    );
  }

  /** Resolves when all of them are over. */
  async end(): Promise<void> {
    await Promise.all(this.#troubled.values());
  }

  async #run(kind: 'kill' | 'stop' | 'engine' | 'resolver' | 'cut' | 'deafen' | 'drain', daemon: HostDaemon, lastsMs: number): Promise<void> {
    if (kind === 'kill' || kind === 'stop') {
      await daemon[kind]();
      await pause(lastsMs);
      await daemon.start();
    } else if (kind === 'engine') await daemon.host.crashEngine();
    else if (kind === 'resolver') await killResolver(daemon);
    else if (kind === 'drain') await this.#drain(daemon, lastsMs);
    else {
      this.machines[kind](daemon.host);
      await pause(lastsMs);
      this.machines.heal(daemon.host);
    }
  }

  async #drain(daemon: HostDaemon, lastsMs: number): Promise<void> {
    await this.setAvailability(daemon, 'drain');
    await pause(lastsMs);
    await this.setAvailability(daemon, 'active');
  }

  /** Asked again until it is. */
  async setAvailability(daemon: HostDaemon, availability: 'active' | 'drain'): Promise<void> {
    for (let tries = 0; tries < 60; tries++) {
      const by = this.daemons[tries % 3] as HostDaemon;
      if (by.alive && (await by.docker(['node', 'update', '--availability', availability, daemon.host.name], { limitMs: 30_000 }).catch(failed)).code === 0)
        return;
      await pause(500);
    }
    throw new Error(`${daemon.name} could not be made ${availability}`);
  }
}

const failed = (): { code: number } => ({ code: 1 });

async function killResolver({ runFolder }: HostDaemon): Promise<void> {
  const name = existsSync(runFolder) ? readdirSync(runFolder).find((each) => /^resolver-.*\.sock$/.test(each)) : undefined;
  if (name !== undefined) process.kill(await resolverPid(join(runFolder, name)), 'SIGKILL');
}

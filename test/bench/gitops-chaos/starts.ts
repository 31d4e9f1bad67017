/** Every start of a container on a host, heard all along: an engine keeps only its last few hundred events. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Host } from '../../support/machine.mjs';

export class Starts {
  readonly #listener: ChildProcess;
  #counts = new Map<string, number>();
  #left = '';
  all = 0;

  constructor(host: Host) {
    const format = '{{index .Actor.Attributes "com.docker.stack.namespace"}} {{index .Actor.Attributes "version"}}';
    const args = ['-H', `unix://${host.socket}`, 'events', '--filter', 'type=container', '--filter', 'event=start', '--format', format];
    this.#listener = spawn('docker', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#listener.stdout?.on('data', (part: Buffer) => this.#hear(part.toString('utf8')));
  }

  /** STACK VERSION → how often it started since it was asked last. */
  take(): ReadonlyMap<string, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }

  stop(): void {
    this.#listener.kill();
  }

  #hear(text: string): void {
    const lines = (this.#left + text).split('\n');
    this.#left = lines.pop() ?? '';
    for (const line of lines) this.#counts.set(line, (this.#counts.get(line) ?? 0) + 1);
    this.all += lines.length;
  }
}

/** Every start of a container on a host, heard all along: an engine keeps only its last few hundred events. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Host } from '../../support/machine.mjs';

export class Starts {
  readonly #listener: ChildProcess;
  readonly #counts = new Map<string, number>();
  #left = '';
  #stops = false;
  all = 0;
  /** It heard to the end: what it counted is all there was. */
  whole = true;

  constructor(host: Host) {
    const format = '{{index .Actor.Attributes "com.docker.stack.namespace"}} {{index .Actor.Attributes "version"}}';
    const args = ['-H', `unix://${host.socket}`, 'events', '--filter', 'type=container', '--filter', 'event=start', '--format', format];
    this.#listener = spawn('docker', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#listener.stdout?.on('data', (part: Buffer) => this.#hear(part.toString('utf8')));
    const ended = (): void => void (this.whole &&= this.#stops);
    this.#listener.once('error', ended);
    this.#listener.once('close', ended);
  }

  /** STACK VERSION → how often it started since it was asked last. */
  take(): ReadonlyMap<string, number> {
    const counts = new Map(this.#counts);
    this.#counts.clear();
    return counts;
  }

  stop(): void {
    this.#stops = true;
    this.#listener.kill();
  }

  #hear(text: string): void {
    const lines = (this.#left + text).split('\n');
    this.#left = lines.pop() ?? '';
    for (const line of lines) this.#counts.set(line, (this.#counts.get(line) ?? 0) + 1);
    this.all += lines.length;
  }
}

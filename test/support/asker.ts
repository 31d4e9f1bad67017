/** Somebody in a container who asks for one name without a pause, as its programs do: by the engine's resolver. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from './machine.mjs';

const script = `const r = new (require('dns').promises.Resolver)({ timeout: 5000, tries: 1 }); r.setServers(['127.0.0.11']);
  (async () => { for (;;) await r.resolve4(process.argv[1]).then((a) => console.log(a.sort().join(' ')), (e) => console.log('failed: ' + e.code)); })();`;

export class Asker {
  readonly #child: ChildProcess;
  readonly #failed: string[] = [];
  #asked = 0;
  /** The last answer. */
  last = '';

  /** `enter` leads into the container's network namespace. */
  constructor(enter: readonly string[], name: string) {
    const [command, ...args] = ['env', ...enter, process.execPath, '-e', script, name];
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (!this.#child.stdout) throw new Error('no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#asked += 1;
      this.last = line;
      if (line.startsWith('failed')) this.#failed.push(line);
    });
  }

  /** Answers so far, failures too. */
  get asked(): number {
    return this.#asked;
  }

  /** Resolves after so many further answers. */
  async more(count: number): Promise<void> {
    const end = this.#asked + count;
    await until(
      () => this.#asked >= end,
      30_000,
      () => `${this.#asked} answers, ${this.#failed.length} of them failures`,
    );
  }

  /** What failed. */
  async stop(): Promise<readonly string[]> {
    this.#child.kill();
    await once(this.#child, 'exit');
    return this.#failed;
  }
}

/** Repositories that a daemon follows all the while: one in order, and others that are broken in every way. */
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { integerBetween, type Random } from '#base/random';
import { GitRepository } from '#test/support/git-repository';

/** A stack that runs well, as `version`. */
export function goodStack(image: string, version: number, replicas = 1): string {
  return `services:
  web:
    image: ${image}
    init: true
    environment: { VERSION: "${version}" }
    stop_grace_period: 1s
    deploy:
      replicas: ${replicas}
      update_config: { order: ${version % 2 === 0 ? 'start-first' : 'stop-first'}, failure_action: rollback, monitor: 1s }
      restart_policy: { delay: 1s }
`;
}

const big = 'x'.repeat(200_000);
/** What a broken repository's next commit holds: files by path, as a tree that no checkout could make. */
const trees: readonly ((random: Random) => { mode: string; path: string; text: string }[])[] = [
  () => [{ mode: '100644', path: `stacks/${'deep/'.repeat(300)}compose.yml`, text: 'services: {}' }],
  () => [{ mode: '100644', path: 'stacks/x/compose.yml', text: 'no: [stack' }],
  () => [{ mode: '100644', path: 'stacks/x/compose.yml', text: `services:\n  a:\n    image: a\n    x: &a [${'*a,'.repeat(5000)}]\n` }],
  () => [{ mode: '120000', path: 'stacks/x/compose.yml', text: '/etc/passwd' }],
  () => [{ mode: '120000', path: 'stacks', text: '/proc/self' }],
  () => [{ mode: '160000', path: 'stacks/x', text: '0123456789012345678901234567890123456789' }],
  () => [{ mode: '100644', path: 'stacks/\u001b[31m/compose.yml', text: 'services: { a: { image: a } }' }],
  (random) => Array.from({ length: 300 }, (_, index) => ({ mode: '100644', path: `stacks/s${index}/f`, text: `${big}${random.next()}` })).slice(0, 20),
  () =>
    Array.from({ length: 300 }, (_, index) => ({
      mode: '100644',
      path: `stacks/s${index}/compose.yml`,
      text: 'services: { a: { privileged: true, image: a } }',
    })),
  () => [{ mode: '100644', path: 'README', text: 'no stacks here' }],
];

export class BrokenRepository extends GitRepository {
  #away = false;

  /** The next thing that is wrong with it. */
  worsen(random: Random): void {
    if (this.#away || random.next() < 0.2) return this.#vanish();
    if (random.next() < 0.1) return this.#rot();
    const make = trees[integerBetween(random, 0, trees.length - 1)];
    this.commitTree(make?.(random) ?? []);
  }

  /** The folder is there or not, by turns. */
  #vanish(): void {
    const [from, to] = this.#away ? [`${this.folder}-away`, this.folder] : [this.folder, `${this.folder}-away`];
    renameSync(from, to);
    this.#away = !this.#away;
  }

  /** Its branch names an object that is not there. */
  #rot(): void {
    execFileSync('sh', ['-c', `echo ${'1'.repeat(40)} > "$0/.git/refs/heads/main"`, this.folder]);
    rmSync(`${this.folder}/.git/index`, { force: true });
  }
}

/** A host that says nothing, too much or nonsense to whoever comes. */
export class BrokenServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(random: Random) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket)));
      const kind = integerBetween(random, 0, 2);
      if (kind === 0) socket.end('what?\r\n');
      if (kind === 1) socket.once('data', () => socket.write(Buffer.alloc(1 << 20)));
    });
  }

  listen(address: string): Promise<number> {
    return new Promise((resolve) =>
      this.#server.listen(0, address, () => {
        const place = this.#server.address();
        resolve(typeof place === 'object' && place ? place.port : 0);
      }),
    );
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** HTTP to a daemon on another host, over the standard streams of `docker system dial-stdio` there. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { defaultSocket } from './default-socket.ts';
import { Refusal } from '#base/refusal';
import { shellQuoted } from '#base/text/shell-words';

/** The three methods are node's own hooks, which its types leave out. Connections are kept between calls: to log in takes long. Idle ones do not keep the program from ending. */
class SshAgent extends Agent {
  readonly #args: readonly string[];

  constructor(args: readonly string[]) {
    super({ keepAlive: true, maxSockets: 4 });
    this.#args = args;
  }

  createConnection(): Duplex {
    return new DialStream(this.#args);
  }

  keepSocketAlive(stream: Duplex): boolean {
    if (stream instanceof DialStream) stream.unref();
    return true;
  }

  reuseSocket(stream: Duplex): void {
    if (stream instanceof DialStream) stream.ref();
  }
}

/** `url`: ssh://[USER@]HOST[:PORT][/SOCKET] */
export function sshAgent(url: string): Agent {
  return new SshAgent(sshArguments(url));
}

function dialTo(socket: string): string[] {
  return ['docker', '--host', shellQuoted(`unix://${socket}`), 'system', 'dial-stdio'];
}

/** Where no socket is named: our daemon's, and Docker's on a host without. By `sh`, whatever shell the user logs in with. */
const oursOrDockers = `[ -S ${defaultSocket} ] && exec ${dialTo(defaultSocket).join(' ')}; exec docker system dial-stdio`;

/** Words after `ssh`; the host comes after `--`, so that it is never read as an option. */
function sshArguments(url: string): string[] {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed?.hostname || parsed.password) throw new Refusal('invalidArgument', `unable to parse docker host \`${url}\`: give ssh://[USER@]HOST[:PORT]`);
  const socket = decodeURIComponent(parsed.pathname);
  const login = [...(parsed.username ? ['-l', decodeURIComponent(parsed.username)] : []), ...(parsed.port ? ['-p', parsed.port] : [])];
  const host = parsed.hostname.replaceAll(/[[\]]/g, '');
  const there = socket === '' || socket === '/' ? ['sh', '-c', shellQuoted(oursOrDockers)] : dialTo(socket);
  return ['-o', 'ConnectTimeout=30', '-T', ...login, '--', host, ...there];
}

/** Most of what ssh says on its error stream that is kept for the message. */
const maximumTextLength = 2000;

class DialStream extends Duplex {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(args: readonly string[]) {
    super();
    const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-maximumTextLength)));
    child.stdout.on('data', (chunk: Buffer) => void (this.push(chunk) || child.stdout.pause()));
    // Writing to a process that has ended fails; why it ended is told below.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.destroy(error));
    child.on('close', (code) => (code === 0 ? this.push(null) : this.destroy(new Error(`ssh ended with ${code}: ${said.trim()}`))));
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.kill();
    done(error);
  }

  ref(): void {
    this.#each('ref');
  }

  unref(): void {
    this.#each('unref');
  }

  /** The process and its pipes each hold the event loop. */
  #each(what: 'ref' | 'unref'): void {
    this.#child[what]();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) (stream as unknown as Record<typeof what, () => void>)[what]();
  }
}

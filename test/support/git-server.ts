/** Real git servers on this machine: `git http-backend` behind TLS and a login, sshd, and `git daemon`. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from './free-port.ts';

/** Answers instead of git; false: git shall answer. */
export type Instead = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;

export interface WebServer {
  /** Of the folder that the repositories lie in. */
  url: string;
  /** The certificate, in PEM. */
  ca: string;
  requests: { path: string; authorization: string | undefined }[];
  stop: () => Promise<void>;
}

export interface WebOptions {
  /** `user:password` */
  login?: string;
  instead?: Instead;
  /** Bytes a second of what git answers. */
  bytesPerSecond?: number;
  /** In plain text. */
  plain?: boolean;
}

/** Serves the repositories below `folder`. */
export async function startWebServer(folder: string, options: WebOptions = {}): Promise<WebServer> {
  const { key, cert } = options.plain === true ? { key: '', cert: '' } : certificate();
  const requests: WebServer['requests'] = [];
  const answer = (request: IncomingMessage, response: ServerResponse, body: Buffer): void => {
    requests.push({ path: request.url ?? '', authorization: request.headers.authorization });
    if (options.instead?.(request, response, body) === true) return;
    if (options.login !== undefined && request.headers.authorization !== `Basic ${Buffer.from(options.login).toString('base64')}`) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      return;
    }
    backend(folder, request, response, body, options.bytesPerSecond ?? Infinity);
  };
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => answer(request, response, Buffer.concat(parts)));
  };
  const server: Server = options.plain === true ? createPlainServer(listener) : createServer({ key, cert }, listener);
  const port = await listening(server);
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `${options.plain === true ? 'http' : 'https'}://127.0.0.1:${port}`, ca: cert, requests, stop };
}

function backend(folder: string, request: IncomingMessage, response: ServerResponse, body: Buffer, bytesPerSecond: number): void {
  const { pathname, search } = new URL(request.url ?? '', 'http://x');
  const env = {
    PATH: process.env['PATH'] ?? '',
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method ?? '',
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
  };
  const git = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  git.stdin.on('error', () => {});
  git.stdin.end(body);
  response.on('close', () => git.kill());
  let head: Buffer | undefined = Buffer.alloc(0);
  const write = (chunk: Buffer): void => {
    response.write(chunk);
    if (bytesPerSecond === Infinity) return;
    git.stdout.pause();
    setTimeout(() => git.stdout.resume(), (chunk.length * 1000) / bytesPerSecond);
  };
  git.stdout.on('data', (chunk: Buffer) => {
    if (!head) return write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    const lines = head.toString('latin1', 0, end).split('\r\n');
    const fields = lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]);
    const status = Number(fields.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
    response.writeHead(status, Object.fromEntries(fields.filter(([name]) => name !== 'Status')));
    const rest = head.subarray(end + 4);
    head = undefined;
    if (rest.length > 0) write(rest);
  });
  git.stdout.on('end', () => response.end());
}

/** A certificate for 127.0.0.1 that is its own authority. */
function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-tls-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject],
      {
        stdio: 'ignore',
      },
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface SecureShell {
  /** Prefix of an ssh:// URL, to which a path is added. */
  url: string;
  /** A line for known_hosts. */
  knownHosts: string;
  /** The private key that is let in. */
  key: string;
  stop: () => Promise<void>;
}

export async function startSecureShell(): Promise<SecureShell> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-sshd-'));
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]);
  mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'user.pub')}`,
    `PidFile ${join(folder, 'pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
  ];
  writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`);
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'config')], { stdio: 'ignore' });
  await answering(port, child);
  const knownHosts = `[127.0.0.1]:${port} ${readFileSync(join(folder, 'host.pub'), 'utf8')}`;
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    knownHosts,
    key: readFileSync(join(folder, 'user'), 'utf8'),
    stop: async () => {
      await ended(child);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Serves what lies below `folder` over git's own protocol. */
export async function startGitDaemon(folder: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const args = ['-c', 'safe.directory=*', 'daemon', '--reuseaddr', '--export-all', '--listen=127.0.0.1', `--port=${port}`, `--base-path=${folder}`, folder];
  const child = spawn('git', args, { stdio: 'ignore', detached: true });
  await answering(port, child);
  return { url: `git://127.0.0.1:${port}`, stop: () => ended(child, true) };
}

function ended(child: ChildProcess, group = false): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    if (group && child.pid !== undefined) process.kill(-child.pid);
    else child.kill();
  });
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500 && child.exitCode === null; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => socket.destroy());
      socket.once('close', (failed) => resolve(!failed));
      socket.on('error', () => {});
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody answers at port ${port}`);
}

/** A bare copy of a repository that servers can export, beside it. */
export function bareCopy(folder: string, name = 'x.git'): string {
  const bare = join(dirname(folder), name);
  execFileSync('git', ['-c', 'safe.directory=*', 'clone', '--quiet', '--bare', folder, bare], { stdio: 'ignore' });
  return bare;
}

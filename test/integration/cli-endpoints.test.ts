/** The ways to a daemon of Docker's: TLS with certificates, ssh, a context of docker's store, --target. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { RecordingEngine } from '#test/support/recording-engine';

const folder = mkdtempSync(join(tmpdir(), 'shoal-ways-'));
const engines: RecordingEngine[] = [];
afterEach(() => engines.splice(0).forEach((engine) => engine.stop()));
afterAll(() => rmSync(folder, { recursive: true }));

const missing = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0;

async function shoal(args: readonly string[], environment: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(join(process.cwd(), 'bin/shoal'), args, { env: { PATH: `${folder}/bin:${process.env['PATH']}`, HOME: folder, ...environment } });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].setEncoding('utf8').on('data', (text: string) => (texts[stream] += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, ...texts };
}

function zoo(settings: ConstructorParameters<typeof RecordingEngine>[0] = {}): RecordingEngine {
  const engine = new RecordingEngine(settings);
  engines.push(engine);
  engine.seed('services', { Name: 'zoo_lion', Labels: { 'com.docker.stack.namespace': 'zoo' } });
  return engine;
}

const list = ['stack', 'ls', '--format', '{{.Name}} {{.Services}}'];

/** An authority, and a certificate of its for a server and for a client. */
function certificates(): string {
  const home = join(folder, 'certs');
  mkdirSync(home);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: home, stdio: 'ignore' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=authority');
  writeFileSync(join(home, 'names.cnf'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
  for (const [name, key] of [
    ['server-cert.pem', 'server-key.pem'],
    ['cert.pem', 'key.pem'],
  ] as const) {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', 'request.pem', '-subj', `/CN=${name}`);
    openssl(
      'x509',
      '-req',
      '-in',
      'request.pem',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca-key.pem',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names.cnf',
      '-out',
      name,
    );
  }
  return home;
}

test.skipIf(missing('openssl'))('TLS: verified both ways by DOCKER_TLS_VERIFY and DOCKER_CERT_PATH', async () => {
  const home = certificates();
  const read = (name: string): Buffer => readFileSync(join(home, name));
  const tls = { ca: read('ca.pem'), cert: read('server-cert.pem'), key: read('server-key.pem'), requestCert: true, rejectUnauthorized: true };
  const port = await zoo({ tls }).startOnPort();
  const environment = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: home };
  expect(await shoal(list, environment)).toEqual({ code: 0, stdout: 'zoo 1\n', stderr: '' });
  const stranger = await shoal(list, { ...environment, DOCKER_CERT_PATH: join(folder, 'nothere') });
  expect([stranger.code, stranger.stdout]).toEqual([1, '']);
  expect(stranger.stderr).toMatch(/^Cannot connect to the daemon at tcp:/);
});

test('ssh: one login serves a command and finds our socket, or else Docker’s; a login that fails is told with what ssh says', async () => {
  const engine = zoo();
  await engine.start();
  // What is asked there is done by a shell, which has the test's socket in the place of the usual one, and a docker that dials.
  const docker = `#!${process.execPath}
const words = process.argv.slice(2);
require('node:fs').appendFileSync('${folder}/docker.log', words.join(' ') + '\\n');
const socket = require('node:net').connect(words[0] === '--host' ? words[1].slice('unix://'.length) : '${engine.socket}');
process.stdin.pipe(socket).pipe(process.stdout);
`;
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const program = `#!${process.execPath}
const fs = require('node:fs');
fs.appendFileSync('${folder}/ssh.log', process.argv.slice(2).join(' ') + '\\n');
if (process.argv.includes('closed.example')) { process.stderr.write('Permission denied (publickey).\\n'); process.exit(255); }
const usual = process.argv.includes('bare.example') ? '${folder}/nothing-here' : '${engine.socket}';
const asked = process.argv.slice(process.argv.indexOf('--') + 2).join(' ').replaceAll('/run/shoal/shoal.sock', usual);
require('node:child_process').spawn('sh', ['-c', asked], { stdio: 'inherit' }).on('close', (code) => process.exit(code));
`;
  for (const [name, text] of Object.entries({ ssh: program, docker })) writeFileSync(join(folder, 'bin', name), text, { mode: 0o755 });
  expect(await shoal(['-H', 'ssh://ada@far.example:2222', ...list])).toEqual({ code: 0, stdout: 'zoo 1\n', stderr: '' });
  expect(readFileSync(join(folder, 'ssh.log'), 'utf8')).toMatch(/^-o ConnectTimeout=30 -T -l ada -p 2222 -- far.example sh -c '.*'\n$/);
  expect(await shoal(['-H', 'ssh://bare.example', ...list])).toMatchObject({ code: 0, stdout: 'zoo 1\n' });
  expect(await shoal(['-H', `ssh://far.example${engine.socket}`, ...list])).toMatchObject({ code: 0, stdout: 'zoo 1\n' });
  expect(readFileSync(join(folder, 'docker.log'), 'utf8').split('\n')).toEqual([
    `--host unix://${engine.socket} system dial-stdio`,
    'system dial-stdio',
    `--host unix://${engine.socket} system dial-stdio`,
    '',
  ]);
  const refused = await shoal(['-H', 'ssh://closed.example', ...list]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('(ssh ended with 255: Permission denied (publickey).)')]);
  expect(await shoal(['-H', 'ssh://', ...list])).toMatchObject({ code: 2 });
});

test('a context of the docker CLI, and --target', async () => {
  const engine = zoo();
  await engine.start();
  const digest = createHash('sha256').update('far').digest('hex');
  const meta = join(folder, 'contexts/meta', digest);
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: 'far', Endpoints: { docker: { Host: `unix://${engine.socket}` } } }));
  expect(await shoal(['--context', 'far', ...list], { DOCKER_CONFIG: folder })).toEqual({ code: 0, stdout: 'zoo 1\n', stderr: '' });
  expect(await shoal(['--target', `unix://${engine.socket}`, ...list])).toEqual({ code: 0, stdout: 'zoo 1\n', stderr: '' });
  expect(await shoal(['--target', 'unix:///x', '-H', 'unix:///x', ...list])).toMatchObject({ code: 2 });
});

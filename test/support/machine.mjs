/** Real hosts for tests, benches and the demo: packages, a Docker Engine, network namespaces, images made here. Plain Node, no packages. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian packages that give the commands: command → package. */
/** @type {Readonly<Record<string, string>>} */
const packages = { dockerd: 'docker.io', nft: 'nftables', ip: 'iproute2', iptables: 'iptables', busybox: 'busybox-static', git: 'git' };

/** What the tests need beside that: servers that Git speaks to, and what makes certificates for them. */
export const testPackages = {
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  openssl: 'openssl',
  curl: 'curl',
  tcpdump: 'tcpdump',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
};

/** @param {Readonly<Record<string, string>>} wanted @returns {string[]} packages whose command is missing */
function missingPackages(wanted) {
  return Object.entries(wanted)
    .filter(([command]) => !['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, command))))
    .map(([, name]) => name);
}

/**
 * Installs what is missing with the distribution's package manager.
 * @param {Readonly<Record<string, string>>} [more] command → package, beside what hosts need
 * @returns {string | undefined} one sentence on what a person must do, when it could not
 */
export function installPackages(more = {}) {
  const wanted = { ...packages, ...more };
  const missing = missingPackages(wanted);
  if (missing.length === 0) return undefined;
  const advice = `Install these packages first: apt-get install ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return advice;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { env, stdio: 'ignore' });
  const result = spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env, encoding: 'utf8' });
  return result.status === 0 && missingPackages(wanted).length === 0 ? undefined : `${advice} (${result.stderr.trim().split('\n').at(-1)})`;
}

/** @returns {string | undefined} why tests with real containers cannot run here */
export function whyNoHost() {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces and the engine';
  const missing = missingPackages(packages);
  return missing.length > 0 ? `needs the packages ${missing.join(', ')}` : undefined;
}

/** Why no network can be encrypted on this machine; undefined: it can, or there are no hosts at all. */
export function whyNoEncryption() {
  return existsSync('/sys/module/wireguard') || existsSync('/dev/net/tun') ? undefined : 'needs /dev/net/tun, or the kernel module wireguard';
}

/**
 * A host of its own: network namespace, hostname and Docker Engine.
 * @typedef {object} Host
 * @property {string} name network namespace and hostname
 * @property {string} folder for anything a test wants to keep with the host; removed by stop
 * @property {string} socket path of the engine's socket
 * @property {string} address the host's address, reached from the machine
 * @property {string} gateway the machine's address, as the host sees it
 * @property {string[]} enter command prefix that runs a command inside the host's network namespace
 * @property {(args: string[]) => string} docker runs the docker CLI against the engine; standard output
 * @property {(command: string[]) => string} run runs a command inside the network namespace; standard output
 * @property {() => Promise<void>} stopEngine ends dockerd, leaving its data
 * @property {() => Promise<void>} startEngine starts it again
 * @property {() => Promise<void>} crashEngine ends dockerd with kill -9 and starts it again, as an init system would, beside the containerd that it left
 * @property {() => Promise<void>} stop ends everything and removes it
 */

/**
 * Where a host lies that outlives this process, until `removeHost`.
 * @typedef {{ tag: string, name: string, folder: string }} Place
 */

/** @param {Place} [lasting] absent: it ends with this process @returns {Promise<Host>} */
export async function startHost(lasting) {
  const { tag, name, folder } = lasting ?? newPlace();
  const { address, gateway } = addNamespace(name, tag);
  const socket = join(folder, 'docker.sock');
  const enter = ['nsenter', `--net=/run/netns/${name}`];
  /** @type {{ pid?: number }} */
  const engine = {};
  const docker = (/** @type {string[]} */ args) =>
    execFileSync('docker', ['-H', `unix://${socket}`, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const run = (/** @type {string[]} */ command) =>
    execFileSync(enter[0] ?? '', [...enter.slice(1), ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  async function startEngine() {
    engine.pid = await spawnEngine({ name, folder, socket, enter });
  }
  async function stopEngine() {
    await endProcess(engine.pid);
    delete engine.pid;
  }
  async function crashEngine() {
    if (!engine.pid) return;
    const inside = ['nsenter', '--target', String(engine.pid), '--net', '--mount', '--uts'];
    // Its containerd goes with it, its containers don't: what they are found by lies in this mount namespace, which somebody has to keep.
    const keeper = spawn('nsenter', [...inside.slice(1), 'sleep', '600'], { stdio: 'ignore' });
    const ended = engine.pid;
    await until(
      () => readFileSync(`/proc/${keeper.pid}/comm`, 'utf8').trim() === 'sleep',
      30_000,
      () => 'the namespaces are not kept',
    );
    spawnSync('kill', ['-9', String(ended)]);
    delete engine.pid;
    await until(
      () => !existsSync(`/proc/${ended}`),
      30_000,
      () => `process ${ended} does not end`,
    );
    engine.pid = await runEngine({
      folder,
      socket,
      command: ['nsenter', '--target', String(keeper.pid), ...inside.slice(3)],
      // Where nobody reaps processes, the containerd that has ended looks alive.
      prepare: 'rm -f /run/docker/exec/containerd/containerd.pid',
    });
    keeper.kill();
  }
  async function stop() {
    process.removeListener('exit', abandon);
    await removeHost({ tag, name, folder });
  }
  /** The process ends without stop(): leave as little as possible behind. */
  function abandon() {
    if (engine.pid) spawnSync('kill', [String(engine.pid)]);
    removeNamespace(name, tag);
  }
  if (!lasting) process.once('exit', abandon);
  await startEngine();
  return { name, folder, socket, address, gateway, enter, docker, run, stopEngine, startEngine, crashEngine, stop };
}

/** @returns {Place} */
function newPlace() {
  const tag = randomBytes(3).toString('hex');
  const name = `shoal-${tag}`;
  return { tag, name, folder: mkdtempSync(join(tmpdir(), `${name}-`)) };
}

/** Ends all that runs there, whoever started it, and removes it. @param {Place} place */
export async function removeHost({ tag, name, folder }) {
  const [pidFile, engine] = [join(folder, 'docker.pid'), ['-H', `unix://${join(folder, 'docker.sock')}`]];
  if (existsSync(pidFile)) {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    const ids = spawnSync('docker', [...engine, 'ps', '-aq'], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean);
    // Some may be going already, and an engine may hang over one of many: whatever is left goes with the engine.
    if (ids.length > 0) spawnSync('docker', [...engine, 'rm', '-f', ...ids], { stdio: 'ignore', timeout: 60_000 });
    await endProcess(existsSync(`/proc/${pid}`) ? pid : undefined);
  }
  removeNamespace(name, tag);
  rmSync(folder, { recursive: true, force: true });
}

/** @param {string} name @param {string} tag */
function addNamespace(name, tag) {
  // 198.18.0.0/15 is set aside for tests between hosts (RFC 2544): it meets no real network.
  const used = execFileSync('ip', ['-4', '-o', 'addr'], { encoding: 'utf8' });
  const start = randomBytes(1).readUInt8();
  const third = Array.from({ length: 256 }, (_, i) => (start + i) % 256).find((i) => !used.includes(`198.18.${i}.1/`) && i > 2) ?? 3;
  const [gateway, address] = [`198.18.${third}.1`, `198.18.${third}.2`];
  const lines = [
    `ip netns add ${name}`,
    `ip link add sv${tag}a type veth peer name eth0 netns ${name}`,
    `ip addr add ${gateway}/24 dev sv${tag}a`,
    `ip link set sv${tag}a up`,
    `nsenter --net=/run/netns/${name} ip addr add ${address}/24 dev eth0`,
    `nsenter --net=/run/netns/${name} ip link set eth0 up`,
    `nsenter --net=/run/netns/${name} ip link set lo up`,
    `nsenter --net=/run/netns/${name} ip route add default via ${gateway}`,
  ];
  for (const line of lines) {
    const [command = '', ...args] = line.split(' ');
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return { address, gateway };
}

/** @param {string} name @param {string} tag */
function removeNamespace(name, tag) {
  spawnSync('ip', ['link', 'del', `sv${tag}a`], { stdio: 'ignore' });
  spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
}

/**
 * Starts dockerd in the namespace, with a mount namespace of its own: `ip netns exec` would hide the cgroups, and engines share /run/docker otherwise.
 * @param {{ name: string, folder: string, socket: string, enter: string[] }} host
 * @returns {Promise<number>} process id of dockerd
 */
async function spawnEngine({ name, folder, socket, enter }) {
  const resolver = join(folder, 'resolv.conf');
  // A name server that refuses at once: pulls fail quickly instead of waiting for a network that is not there.
  writeFileSync(resolver, 'nameserver 127.0.0.1\n');
  const prepare = `
    hostname ${name}; mkdir -p /run/docker; mount -t tmpfs none /run/docker
    mount --bind ${resolver} "$(readlink -f /etc/resolv.conf)"`;
  return runEngine({ folder, socket, command: [...enter, 'unshare', '--mount', '--uts'], prepare });
}

/**
 * @param {{ folder: string, socket: string, command: string[], prepare: string }} engine a command that leads into its namespaces, and a script to run there first
 * @returns {Promise<number>} process id of dockerd, once it answers
 */
async function runEngine({ folder, socket, command, prepare }) {
  const pidFile = join(folder, 'docker.pid');
  rmSync(pidFile, { force: true });
  const script = `${prepare}
    exec dockerd --data-root ${folder}/data --exec-root /run/docker/exec -H unix://${socket} --pidfile ${pidFile}`;
  const log = openSync(join(folder, 'dockerd.log'), 'a');
  const child = spawn(command[0] ?? '', [...command.slice(1), 'bash', '-c', script], { detached: true, stdio: ['ignore', log, log] });
  child.unref();
  await until(
    () => spawnSync('docker', ['-H', `unix://${socket}`, 'version'], { stdio: 'ignore' }).status === 0,
    60_000,
    () => readFileSync(join(folder, 'dockerd.log'), 'utf8'),
  );
  return Number(readFileSync(pidFile, 'utf8'));
}

/** Ends a process by its id and waits until it is gone. @param {number | undefined} pid */
export async function endProcess(pid) {
  if (!pid) return;
  spawnSync('kill', [String(pid)], { stdio: 'ignore' });
  await until(
    () => !existsSync(`/proc/${pid}`),
    30_000,
    () => `process ${pid} does not end`,
  );
}

/**
 * Waits for a condition, looking every 50 ms; a look that starts programs is as long ago as it took before the next one, for others need the machine too.
 * @param {() => boolean | Promise<boolean>} condition @param {number} limitMs @param {() => string} explain
 */
export async function until(condition, limitMs, explain) {
  const end = Date.now() + limitMs;
  for (;;) {
    const began = Date.now();
    if (await condition()) return;
    const now = Date.now();
    if (now > end) throw new Error(`not within ${limitMs} ms: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(now - began, 50), 1000)));
  }
}

/** What an image's first process runs so that it ends as soon as it is asked to: as a container's first process, a program that says nothing about SIGTERM never hears it. @param {string} program @returns {string[]} */
function endsWhenAsked(program) {
  return ['/bin/sh', '-c', `trap 'exit 0' TERM; ${program} & wait`];
}

/** What most containers of tests do: nothing, until they are asked to end. */
export const stays = endsWhenAsked('/bin/sleep 100000');

/**
 * Loads an image made of the static busybox alone, with no registry.
 * @param {string} socket @param {string} tag such as `shoal-test:1` @param {{ command?: string[], files?: Record<string, string>, copies?: string[], changes?: string[] }} [options] files are written, copies are taken from this machine
 */
export function loadImage(socket, tag, { command = endsWhenAsked('/bin/httpd -f -p 80 -h /www'), files = {}, copies = [], changes = [] } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'shoal-image-'));
  try {
    for (const folder of ['bin', 'www', 'tmp', 'etc', 'proc', 'sys', 'dev', 'run']) mkdirSync(join(root, folder));
    const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path)) ?? '/bin/busybox';
    cpSync(busybox, join(root, 'bin/busybox'));
    const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' })
      .split('\n')
      .filter((name) => name && name !== 'busybox');
    for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet));
    writeFileSync(join(root, 'www/index.html'), 'hello\n');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text, { mode: 0o755 });
    }
    for (const path of copies) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      cpSync(path, join(root, path), { dereference: true });
    }
    const tar = join(root, '..', `${tag.replaceAll(/\W/g, '-')}-${randomBytes(4).toString('hex')}.tar`);
    execFileSync('tar', ['-C', root, '-cf', tar, '.']);
    const all = [`CMD ${JSON.stringify(command)}`, 'ENV PATH=/bin:/usr/bin', ...changes].flatMap((change) => ['--change', change]);
    execFileSync('docker', ['-H', `unix://${socket}`, 'import', ...all, tar, tag], { stdio: ['ignore', 'ignore', 'pipe'] });
    rmSync(tar);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

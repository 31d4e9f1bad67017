/** `npm run demo`: from a fresh machine to stacks from a Git repository that run as containers. Run again, it goes on. `cluster` is its second act; `down` leaves nothing behind. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endResolvers } from '../support/end-resolvers.mjs';
import { endProcess, installPackages, until } from '../support/machine.mjs';
import { clusterIsThere, endCluster, showCluster } from './cluster.mjs';
import { demoImage, loadDemoImage } from './images.mjs';
import { clearTraces, lookAtHost, unmountBelow } from './traces.mjs';

process.chdir(new URL('../..', import.meta.url).pathname);

const home = '/var/lib/shoal-demo';
const repository = join(home, 'repository');
const state = join(home, 'state');
/** As the daemon calls itself by the place of its state. */
const instance = createHash('sha256').update(state).digest('hex').slice(0, 6);
const sharedFolder = `/dev/shm/shoal-${instance}`;
const usualEngine = '/var/run/docker.sock';
const files = {
  engine: join(home, 'engine.json'),
  daemon: join(home, 'daemon.pid'),
  log: join(home, 'daemon.log'),
};
const address = 'http://127.0.0.1:8080/';

/** @param {string} text */
const say = (text) => process.stdout.write(`${text}\n`);

class DemoError extends Error {}

/** @param {string} command @param {string[]} args @param {string} trouble */
function run(command, args, trouble) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.status !== 0)
    throw new DemoError(`${trouble}: ${(result.stderr || result.stdout || String(result.error)).trim().split('\n').slice(-5).join('\n')}`);
  return result.stdout.trim();
}

/** @param {string[]} args */
const shoal = (...args) => run('bin/shoal', args, `shoal ${args.slice(0, 2).join(' ')}`);

async function up() {
  prepare();
  const engine = await startEngine();
  say('Building the demo image, without any registry');
  loadDemoImage(engine);
  await startDaemon(engine);
  if (!shoal('info', '--format', '{{.Swarm.LocalNodeState}}').startsWith('active')) say(shoal('swarm', 'init', '--advertise-addr', '127.0.0.1'));
  makeRepository();
  if (!shoal('repo', 'ls', '-q').split('\n').includes('demo')) {
    say(`Following the Git repository ${repository}`);
    // What a repository may do beyond its own containers is allowed by name: the agent looks at one file of the host.
    shoal('repo', 'add', 'demo', repository, '--branch', 'main', '--path', 'stacks', '--interval', '30s', '--allow', 'mounts=/proc/loadavg');
  }
  await convergence();
  tellHowTo();
}

async function cluster() {
  prepare();
  await showCluster();
}

function prepare() {
  if (process.getuid?.() !== 0) throw new DemoError('The demo starts containers and sets up their network: run it as root, for example with sudo.');
  installProgram();
  mkdirSync(home, { recursive: true, mode: 0o711 });
}

function installProgram() {
  if (!existsSync('node_modules') || !existsSync('.build/daemon.mjs')) {
    say('Installing the program (npm ci)');
    run('npm', ['ci', '--no-audit', '--no-fund'], 'npm ci did not work; it needs the npm registry');
  }
  say('Looking for docker.io, nftables, busybox-static and git');
  const advice = installPackages();
  if (advice !== undefined) throw new DemoError(advice);
}

/** @param {string} socket */
function engineAnswers(socket) {
  return spawnSync('docker', ['-H', `unix://${socket}`, 'version'], { stdio: 'ignore' }).status === 0;
}

/** @returns {Promise<string>} socket of a Docker Engine: the machine's own, or one that we start */
async function startEngine() {
  const earlier = existsSync(files.engine) ? JSON.parse(readFileSync(files.engine, 'utf8')) : undefined;
  if (earlier && engineAnswers(earlier.socket)) return earlier.socket;
  if (!earlier && engineAnswers(usualEngine)) return usualEngine;
  say('Starting a Docker Engine, for none runs');
  const socket = join(home, 'docker.sock');
  const pidFile = join(home, 'docker.pid');
  rmSync(pidFile, { force: true });
  const before = earlier?.before ?? lookAtHost();
  const log = openSync(join(home, 'engine.log'), 'a');
  const args = ['--data-root', join(home, 'engine'), '--exec-root', '/run/shoal-demo-engine', '-H', `unix://${socket}`, '--pidfile', pidFile];
  spawn('dockerd', args, { detached: true, stdio: ['ignore', log, log] }).unref();
  await until(
    () => engineAnswers(socket),
    60_000,
    () => `the engine does not start: ${join(home, 'engine.log')}`,
  );
  writeFileSync(files.engine, JSON.stringify({ socket, pid: Number(readFileSync(pidFile, 'utf8')), before }));
  return socket;
}

function daemonPid() {
  const pid = existsSync(files.daemon) ? Number(readFileSync(files.daemon, 'utf8')) : 0;
  return isRunning(pid, 'daemon') ? pid : undefined;
}

/** Process numbers are given again: it must be the program too. @param {number} pid @param {string} program */
function isRunning(pid, program) {
  return pid > 0 && existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program);
}

/** @param {string} engine */
async function startDaemon(engine) {
  const ready = () => spawnSync('bin/shoal', ['info', '--format', '{{.Shoal.Version}}'], { stdio: 'ignore' }).status === 0;
  if (daemonPid() !== undefined && ready()) return;
  if (ready()) throw new DemoError('A shoal daemon that is not the demo’s answers on /run/shoal/shoal.sock: stop it first, or use it instead.');
  say('Starting the daemon');
  const log = openSync(files.log, 'a');
  const child = spawn('bin/shoal', ['daemon', '--state', state, '--engine', engine], { detached: true, stdio: ['ignore', log, log] });
  child.unref();
  writeFileSync(files.daemon, String(child.pid));
  const ended = () => daemonPid() === undefined && readFileSync(files.log, 'utf8').trim() !== '';
  await until(
    () => ready() || ended(),
    30_000,
    () => `the daemon does not answer: ${files.log}`,
  );
  if (!ready()) throw new DemoError(`The daemon did not start: ${readFileSync(files.log, 'utf8').trim().split('\n').at(-1)}`);
}

/** A repository of one's own, made from the examples; what is there already stays as its owner made it. */
function makeRepository() {
  if (existsSync(join(repository, '.git'))) return;
  mkdirSync(repository, { recursive: true });
  cpSync('stacks', join(repository, 'stacks'), { recursive: true });
  const git = (/** @type {string[]} */ ...args) =>
    run('git', ['-C', repository, '-c', 'user.name=Demo', '-c', 'user.email=demo@localhost', ...args], `git ${args[0]}`);
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Demo');
  git('config', 'user.email', 'demo@localhost');
  git('add', '.');
  git('commit', '--quiet', '-m', 'Example stacks');
}

async function convergence() {
  say('Waiting for the stacks to converge');
  // Whoever broke a stack in the repository finds the reason in the table below; the others converge all the same.
  spawnSync('bin/shoal', ['repo', 'sync', 'demo'], { stdio: 'ignore' });
  let said = '';
  /** @type {string[]} */
  let services = [];
  const look = () => {
    services = shoal('service', 'ls', '--format', '{{.Name}} {{.Replicas}}').split('\n').filter(Boolean);
    const text = services.map((line) => `  ${line}`).join('\n');
    if (text !== said) say(text);
    said = text;
    return services.every((line) => / (\d+)\/\1( |$)/.test(line));
  };
  await until(look, 120_000, () => `the stacks do not converge; look with: bin/shoal stack ps web --no-trunc\n${shoal('stack', 'ls')}`);
  if (!services.some((line) => line.startsWith('web_front '))) return;
  const answers = async () => (await fetch(address, { signal: AbortSignal.timeout(2000) }).catch(() => undefined))?.ok === true;
  await until(answers, 20_000, () => `nothing answers on ${address}`);
}

function tellHowTo() {
  say(`
${shoal('stack', 'ls')}

It answers here (three replicas take turns):
  curl ${address}
  curl -u admin:swimmingly ${address}admin/

Change it: edit, commit, watch the cluster follow.
  cd ${repository}
  echo "Hello again" > stacks/web/greeting.txt && git commit -am "New greeting"
  curl ${address}
  git revert --no-edit HEAD

Look at it:
  bin/shoal stack ls
  bin/shoal stack ps web
  bin/shoal service logs -f queue_worker
  bin/shoal repo inspect demo
  DOCKER_HOST=unix:///run/shoal/shoal.sock docker service ls

Stop it, leaving nothing behind:
  npm run demo -- down`);
}

async function down() {
  if (!existsSync(home)) {
    say('There is nothing to stop.');
    return;
  }
  if (clusterIsThere()) await endCluster();
  const pid = daemonPid();
  if (pid !== undefined) {
    say('Leaving the cluster, which ends its containers');
    spawnSync('bin/shoal', ['swarm', 'leave', '--force'], { stdio: 'inherit' });
    await endProcess(pid);
  }
  if (existsSync(files.engine)) {
    say('Stopping the engine that the demo started');
    const engine = JSON.parse(readFileSync(files.engine, 'utf8'));
    await endProcess(isRunning(engine.pid, 'dockerd') ? engine.pid : undefined);
    rmSync('/run/shoal-demo-engine', { recursive: true, force: true });
    if (!engineAnswers(usualEngine)) clearTraces(engine.before);
  } else if (existsSync(usualEngine)) {
    spawnSync('docker', ['-H', `unix://${usualEngine}`, 'rmi', demoImage], { stdio: 'ignore' });
  }
  // A daemon that was killed has left the process that answers names; where /run is no tmpfs, in shared memory.
  for (const folder of ['/run/shoal', sharedFolder]) await endResolvers(folder, instance);
  rmSync(sharedFolder, { recursive: true, force: true });
  unmountBelow(home);
  rmSync(home, { recursive: true, force: true });
  rmSync('/run/shoal', { recursive: true, force: true });
  say('Everything is gone.');
}

try {
  const acts = { up, cluster, down };
  const [, , name = 'up'] = process.argv;
  const act = Object.hasOwn(acts, name) ? acts[/** @type {keyof typeof acts} */ (name)] : undefined;
  if (!act) throw new DemoError(`The demo has no act ${name}: npm run demo, npm run demo -- cluster, npm run demo -- down`);
  await act();
} catch (error) {
  say(error instanceof DemoError ? error.message : String(error instanceof Error ? error.message : error));
  process.exitCode = 1;
}

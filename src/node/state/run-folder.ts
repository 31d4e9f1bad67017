/** The folder of what lives as long as its processes: secrets of running tasks and sockets. In memory, seen by the engine as well, and nobody else's. */
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Refusal } from '#base/refusal';

const tmpfsMagic = 0x01021994;
const sharedMemory = '/dev/shm';
/** A socket's path has 107 bytes, and the longest name in the folder is that of a resolver on its way in. */
const longestPath = 107 - '/resolver-123456.sock.4194304'.length;
const writableByOthers = 0o022;
/** Others pass through it, and see nothing of what is in it. */
const passable = 0o711;
/** What a mask of 027 has left of that. */
const masked = 0o710;
const sticky = 0o1000;
/** What daemons and their resolvers keep in it. */
const ours = /^(?:(?:shoal|dispatcher|engine|resolver)[\w.-]*|tasks)$/;

/**
 * `wanted` where that is in memory already and short enough for sockets. Else a folder in shared memory: a tmpfs mounted just now on `wanted`
 * would not be seen by an engine that lives in a mount namespace of its own. `name` keeps daemons of one machine apart.
 * @internal
 */
export function chooseRunFolder(wanted: string, name: string, inMemory: (path: string) => boolean = isTmpfs): string {
  const fits = Buffer.byteLength(wanted) <= longestPath;
  if (fits && (inMemory(existingParent(wanted)) || !inMemory(sharedMemory))) return wanted;
  if (!inMemory(sharedMemory))
    throw new Refusal(
      'invalidArgument',
      `the run folder ${wanted} has too long a path for the sockets in it: name one of at most ${longestPath} bytes with --run`,
    );
  return join(sharedMemory, name === '' ? 'shoal' : `shoal-${name}`);
}

/**
 * Makes `folder`, through which the socket's group passes whatever mask the daemon was started with: the unit has one.
 * One that is there stays as it is, unless a mask alone has closed it when it was made by us: nothing but ours is in it.
 */
export function makePassable(folder: string): void {
  const whole = resolve(folder);
  const made = mkdirSync(whole, { recursive: true, mode: passable });
  if (made === undefined) {
    const { uid, gid, mode } = lstatSync(whole);
    if ((mode & 0o7777) === masked && uid === process.getuid?.() && gid === process.getgid?.() && readdirSync(whole).every((name) => ours.test(name)))
      chmodSync(whole, passable);
    return;
  }
  for (let each = whole; each.startsWith(made); each = dirname(each)) chmodSync(each, passable);
}

/**
 * Makes `folder`, or takes one that only this user can have made and can change.
 * Who made it before us could read the secrets in it and answer on the sockets.
 * @internal
 */
export function ownFolder(folder: string): void {
  makePassable(folder);
  const user = process.getuid?.() ?? 0;
  const found = lstatSync(folder);
  const way = `stop what uses it, remove it, and start the daemon again, or name another folder with --run`;
  if (!found.isDirectory()) throw foreign(`${folder} is no folder: ${way}`);
  if (found.uid !== user) throw foreign(`${folder} was made by user ${found.uid}, who could read this node's secrets: ${way}`);
  if ((found.mode & writableByOthers) !== 0)
    throw foreign(
      `${folder} can be changed by other users (mode ${(found.mode & 0o7777).toString(8)}): chmod 711 ${folder} if nobody has used that, or ${way}`,
    );
  for (let parent = dirname(folder); parent !== dirname(parent); parent = dirname(parent)) refuseOpenParent(parent, user, folder);
}

/** Above it nobody may put another folder in its place. */
function refuseOpenParent(parent: string, user: number, folder: string): void {
  const { uid, mode } = lstatSync(parent);
  const open = (mode & writableByOthers) !== 0 && (mode & sticky) === 0;
  if ((uid === 0 || uid === user) && !open) return;
  throw foreign(`${parent} can be changed by other users, and ${folder}, where this node's secrets go, lies in it: name another folder with --run`);
}

function foreign(text: string): Refusal {
  return new Refusal('failedPrecondition', text);
}

/** Name of a socket in the run folder, which several daemons may share. */
export function socketIn(what: 'resolver' | 'dispatcher' | 'engine', instance: string): string {
  return instance === '' ? `${what}.sock` : `${what}-${instance}.sock`;
}

function existingParent(path: string): string {
  return existsSync(path) ? path : existingParent(dirname(path));
}

function isTmpfs(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === tmpfsMagic;
}

/** Folder of the node of `instance` in `run`, made and root's own. */
export function ownRunFolder(run: string, instance: string): string {
  const folder = chooseRunFolder(run, instance);
  ownFolder(folder);
  return folder;
}

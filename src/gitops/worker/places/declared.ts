/** What `shoal.yml` says of the repository itself and of others, with the files that it names: secrets among them are sealed for the cluster, or refused. */
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import { parseDuration, second } from '#base/text/duration';
import { checkGrace } from '#control/repository/repositories';
import type { RepositoryEntry, RepositoryFile } from '#compose/repository/repository-file';
import type { Declared, DeclaredRepository, RepositoryCredentials } from '#model/object/repository';
import type { AskedTarget } from '#model/git/notify';
import { root, type Snapshot } from '../snapshot.ts';
import { repositoryFileName } from './repository-settings.ts';

const usualInterval = 30 * second;
const longestFile = 64 * 1024;

/** A file's text by its path from the top of the repository; `sealed`: one that is not is refused. Undefined: it is not in the mirror yet. */
type ReadText = (where: string, path: string, sealed: boolean) => Promise<string | undefined>;

/** Throws a Refusal that says what is wrong. `absent`: files that it names are not in the mirror yet. `closed`: what is sealed stays so, and all that needs it is left out. */
export async function declaredIn(snapshot: Snapshot, file: RepositoryFile | undefined, closed: boolean): Promise<Declared | 'absent'> {
  if (!file) return {};
  const read: ReadText = (where, path, sealed) => textOf(snapshot, where, path, sealed);
  const Notify: AskedTarget[] = [];
  const Repositories: DeclaredRepository[] = [];
  const before = snapshot.absent.size;
  for (const [at, entry] of (closed ? [] : file.notifications).entries()) Notify.push(await targetOf(entry, `notifications.${at}`, read));
  for (const entry of file.repositories) Repositories.push(await repositoryOf(entry, closed, read));
  if (snapshot.absent.size > before) return 'absent';
  const twice = Repositories.find(({ Name }, at) => Repositories.findIndex((each) => each.Name === Name) !== at);
  if (twice) throw wrong(`repositories: ${twice.Name} stands there twice`);
  return {
    ...(closed && { Closed: true as const }),
    ...(file.sync.prune === false && { KeepsStacks: true as const }),
    ...(file.sync.grace !== undefined && { Grace: graceOf(file.sync.grace) }),
    ...(file.windows.length > 0 && { Freeze: file.windows }),
    ...(Notify.length > 0 && { Notify }),
    ...(Repositories.length > 0 && { Repositories }),
    ...(file.release && { Release: { URL: file.release.url, Digest: file.release.sha256 } }),
  };
}

/** Nanoseconds. */
function graceOf(text: string): number {
  const grace = parseDuration(text) ?? 0;
  try {
    checkGrace(grace);
  } catch (error) {
    throw wrong(`sync.grace: ${(error as Error).message}`);
  }
  return grace;
}

async function targetOf(entry: Readonly<Record<string, string>>, where: string, read: ReadText): Promise<AskedTarget> {
  const { kind = '', url, url_file: urlFile, project, secret_file: secretFile, merge_requests: mergeRequests } = entry;
  if ((url === undefined) === (urlFile === undefined)) throw wrong(`${where}: give url or url_file`);
  const URL = url ?? oneLine(await read(`${where}.url_file`, urlFile ?? '', true));
  const Secret = secretFile === undefined ? undefined : oneLine(await read(`${where}.secret_file`, secretFile, true));
  const more = { ...(project !== undefined && { Project: project }), ...(mergeRequests === 'true' && { MergeRequests: true }) };
  return { Kind: kind as AskedTarget['Kind'], URL, ...more, ...(Secret !== undefined && { Secret }) };
}

async function repositoryOf({ texts, variables, allow, windows }: RepositoryEntry, closed: boolean, read: ReadText): Promise<DeclaredRepository> {
  const { name = '', url = '', branch = 'main', ref, semver, path = 'stacks', environment, signers_file: signersFile } = texts;
  const { trust, rewrites, on_failure: onFailure, interval, deadline, prune_grace: pruneGrace } = texts;
  const where = `repositories.${name}`;
  const credentials = closed ? {} : await credentialsOf(texts, where, read);
  const Signers = signersFile === undefined ? undefined : await read(`${where}.signers_file`, signersFile, false);
  return {
    Name: name,
    URL: url,
    Branch: branch,
    Path: path,
    Interval: (interval === undefined ? undefined : parseDuration(interval)) ?? usualInterval,
    ...(ref !== undefined && { Ref: ref }),
    ...(semver !== undefined && { SemVer: semver }),
    ...(environment !== undefined && { Environment: environment }),
    ...(Object.keys(variables).length > 0 && { Variables: variables }),
    ...((trust === 'full' || trust === 'limited') && { Trust: trust }),
    ...(allow.length > 0 && { Allow: allow }),
    ...((rewrites === 'hold' || rewrites === 'follow') && { Rewrites: rewrites }),
    ...((onFailure === 'rollback' || onFailure === 'stay') && { OnFailure: onFailure }),
    ...(deadline !== undefined && { Deadline: parseDuration(deadline) ?? 0 }),
    ...(pruneGrace !== undefined && { PruneGrace: parseDuration(pruneGrace) ?? 0 }),
    ...(windows.length > 0 && { Freeze: windows }),
    ...(Signers !== undefined && { Signers }),
    ...(Object.keys(credentials).length > 0 && { Credentials: credentials }),
  };
}

async function credentialsOf(texts: RepositoryEntry['texts'], where: string, read: ReadText): Promise<RepositoryCredentials> {
  const { username, token_file: token, ssh_key_file: key, known_hosts_file: hosts, ca_file: ca } = texts;
  const of = async (name: string, path: string | undefined, sealed: boolean) => (path === undefined ? undefined : await read(`${where}.${name}`, path, sealed));
  const Password = await of('token_file', token, true);
  const SSHKey = await of('ssh_key_file', key, true);
  const KnownHosts = await of('known_hosts_file', hosts, false);
  const CA = await of('ca_file', ca, false);
  return {
    ...(username !== undefined && { Username: username }),
    ...(Password !== undefined && { Password: oneLine(Password) }),
    ...(SSHKey !== undefined && { SSHKey }),
    ...(KnownHosts !== undefined && { KnownHosts }),
    ...(CA !== undefined && { CA }),
  };
}

async function textOf(snapshot: Snapshot, where: string, path: string, sealed: boolean): Promise<string | undefined> {
  const at = posix.join(root, path);
  for (;;) {
    const before = snapshot.misses;
    const { result: found, sealed: isSealed } = snapshot.noting(() => snapshot.read(at));
    if ('bytes' in found) {
      if (sealed && !isSealed) throw wrong(`${where}: ${path} lies open: \`shoal secret seal\` encrypts it for the cluster`);
      if (found.bytes.length > longestFile) throw wrong(`${where}: ${path} is longer than ${longestFile} bytes`);
      return Buffer.from(found.bytes).toString('utf8');
    }
    if (snapshot.misses === before) throw wrong(`${where}: ${found.error.replaceAll(`${root}/`, '')}`);
    if (!(await snapshot.load())) return undefined;
  }
}

function oneLine(text: string | undefined): string {
  return (text ?? '').replace(/\r?\n$/, '');
}

function wrong(text: string): Refusal {
  return new Refusal('invalidArgument', `${repositoryFileName}: ${text}`);
}

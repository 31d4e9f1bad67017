/** Whether somebody of a list signed a commit: git's own judgement, with gpg and ssh-keygen, on keys that stand in that list alone. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Refusal } from '#base/refusal';
import { pgpKeys, sshSigners } from '#control/repository/checks/signers';
import { beside, plainEnvironment } from '../git-environment.ts';
import { GitFailure, runGit, settings, type GitBounds, type GroupListener } from '../run-git.ts';

export interface Judge {
  folder: string;
  home: string;
  /** In memory. */
  run: string;
  signers: string;
  signal: AbortSignal;
  bounds: GitBounds;
  groups: GroupListener;
  /** A folder of objects that were received and are not taken yet. */
  received?: string;
}

const gpgTimeoutMs = 20_000;
/** Nothing of the daemon's user's keys, and nobody is asked over the network. */
const gpgSettings = 'batch\nno-tty\nno-autostart\nno-auto-key-retrieve\nno-auto-key-locate\nno-greeting\n';

/** Commits that are looked at between two that are followed, and how many of them at once. */
const mostBetween = 1000;
const mostAtOnce = 50;
const listBytes = 128 * 1024;

/** The commit or, where one was followed, a tag on it, which vouches for all that it leads to. Throws a Refusal that says why it is not believed. */
export async function checkSigned(judge: Judge, commit: string, tag: string | undefined): Promise<'commit' | 'tag'> {
  return withKeys(judge, async (folder, list) => {
    const said = await refused(judge, folder, list, ['verify-commit', '--raw', commit]);
    if (said === undefined) return 'commit';
    if (tag !== undefined && (await refused(judge, folder, list, ['verify-tag', '--raw', tag])) === undefined) return 'tag';
    throw new Refusal('unavailable', `commit ${commit.slice(0, 12)} is not rendered: ${reasonOf(said)}`);
  });
}

/** Why what came with `commit` since `since` is not believed; undefined: all of it was signed by one of them. */
export async function unsignedBetween(judge: Judge, since: string, commit: string): Promise<string | undefined> {
  const between = await commitsBetween(judge, since, commit);
  if (between === undefined) return `what came before it cannot be looked at: ${since.slice(0, 12)}, which was followed last, is not there any more`;
  if (between.length > mostBetween) return `more than ${mostBetween} commits came since ${since.slice(0, 12)}, too many to look at the signature of each`;
  if (between.length === 0) return undefined;
  return withKeys(judge, async (folder, list) => {
    for (let at = 0; at < between.length; at += mostAtOnce) {
      const some = between.slice(at, at + mostAtOnce);
      if ((await refused(judge, folder, list, ['verify-commit', ...some])) === undefined) continue;
      for (const each of some) {
        const said = await refused(judge, folder, list, ['verify-commit', '--raw', each]);
        if (said !== undefined) return `commit ${each.slice(0, 12)}, which came with it, is not believed: ${reasonOf(said)}`;
      }
    }
    return undefined;
  });
}

/** Oldest first, without `commit` itself; undefined where git does not know `since`. */
async function commitsBetween({ folder, home, signal, bounds, groups, received }: Judge, since: string, commit: string): Promise<string[] | undefined> {
  const args = ['rev-list', '--topo-order', '--reverse', `--max-count=${mostBetween + 2}`, commit, `^${since}`];
  const call = { folder, environment: beside(plainEnvironment(home), received), signal, bounds: { ...bounds, outputBytes: listBytes } };
  const listed = await runGit([...settings(), ...args], call, groups).catch((error: unknown) => {
    if (error instanceof GitFailure && error.code === 128 && error.broken === undefined) return undefined;
    throw error;
  });
  return listed?.split('\n').filter((line) => line !== '' && line !== commit);
}

/** With the keys of the signers in a folder of their own, and nobody else's. */
async function withKeys<T>(judge: Judge, work: (folder: string, list: string) => Promise<T>): Promise<T> {
  mkdirSync(judge.run, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(judge.run, 'signers-'));
  try {
    const list = join(folder, 'allowed-signers');
    writeFileSync(list, `${sshSigners(judge.signers)}\n`, { mode: 0o600 });
    writeFileSync(join(folder, 'gpg.conf'), gpgSettings, { mode: 0o600 });
    await importKeys(judge, folder);
    return await work(folder, list);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function importKeys(judge: Judge, folder: string): Promise<void> {
  const keys = pgpKeys(judge.signers);
  if (keys === '') return;
  const file = join(folder, 'keys.asc');
  writeFileSync(file, keys, { mode: 0o600 });
  const env = { ...plainEnvironment(judge.home), GNUPGHOME: folder };
  await promisify(execFile)('gpg', ['--homedir', folder, '--import', '--', file], { env, timeout: gpgTimeoutMs, signal: judge.signal }).catch(
    (error: Error) => {
      throw new Refusal(
        'unavailable',
        `no commit is rendered: the OpenPGP keys of the signers cannot be read by gpg: ${error.message.split('\n').at(-2) ?? error.message}`,
      );
    },
  );
}

/** What git says against it; undefined: it is signed by one of them. */
async function refused(
  { folder, home, signal, bounds, groups, received }: Judge,
  keys: string,
  list: string,
  args: readonly string[],
): Promise<string | undefined> {
  const environment = beside({ ...plainEnvironment(home), GNUPGHOME: keys }, received);
  const more = [
    'gpg.program=gpg',
    'gpg.ssh.program=ssh-keygen',
    `gpg.ssh.allowedSignersFile=${list}`,
    'gpg.ssh.revocationFile=',
    'gpg.minTrustLevel=undefined',
  ];
  return runGit([...settings(more), ...args], { folder, environment, signal, bounds }, groups).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof GitFailure && error.broken === undefined) return error.said;
      throw error;
    },
  );
}

/** What git and its helpers say, in a sentence. */
function reasonOf(said: string): string {
  const key = /using \w+ key (\S+)|with \S+ key (\S+)|NO_PUBKEY (\S+)/.exec(said);
  const name = key?.[1] ?? key?.[2] ?? key?.[3];
  if (/NO_PUBKEY|No principal matched/.test(said)) return `it is signed with a key that is not among the signers${name === undefined ? '' : ` (${name})`}`;
  if (/EXPKEYSIG|EXPSIG|KEYEXPIRED/.test(said)) return 'it is signed with a key that has expired';
  if (/REVKEYSIG/.test(said)) return 'it is signed with a key that was revoked';
  if (/BADSIG|Could not verify|incorrect signature|Signature verification failed/i.test(said)) return 'its signature is not that of its content';
  const line = said
    .split('\n')
    .find((each) => each.trim() !== '')
    ?.slice(0, 200);
  return line === undefined ? 'it is not signed' : `its signature is not good: ${line}`;
}

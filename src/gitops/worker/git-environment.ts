/** The surroundings that git runs in: our own home, no prompt, and credentials in files that nobody else can read. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { shellQuoted } from '#base/text/shell-words';
import type { RepositoryCredentials } from '#model/object/repository';

export interface GitSurroundings {
  environment: Readonly<Record<string, string>>;
  /** For `-c`. */
  settings: readonly string[];
  /** Removes the files. */
  close: () => void;
}

/** A connection that stands still is ended by who made it; what trickles on for long is ended by the total limit. */
const networkSettings = ['http.followRedirects=false', 'http.lowSpeedLimit=200', 'http.lowSpeedTime=60', 'credential.useHttpPath=true', 'http.maxRequests=1'];
const sshOptions = [
  'BatchMode=yes',
  'ConnectTimeout=10',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=4',
  'StrictHostKeyChecking=yes',
  'ControlMaster=no',
  'ControlPath=none',
];

export function plainEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    // Objects that are not there are fetched by us, together, or not at all.
    GIT_NO_LAZY_FETCH: '1',
    LC_ALL: 'C',
  };
}

/** With objects that were received and are not taken yet. */
export function beside(environment: Readonly<Record<string, string>>, objects: string | undefined): Record<string, string> {
  return { ...environment, ...(objects !== undefined && { GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(objects) }) };
}

/** Writes what git needs of `credentials` below `run`, for one command. Neither its arguments nor its environment hold any of it. */
export function surroundings(home: string, run: string, url: string, credentials: RepositoryCredentials = {}): GitSurroundings {
  const environment = plainEnvironment(home);
  delete environment['GIT_NO_LAZY_FETCH'];
  const { Username, Password, SSHKey, KnownHosts, CA } = credentials;
  const options = [...sshOptions];
  const more = [...networkSettings];
  if ([Username, Password, SSHKey, KnownHosts, CA].every((value) => value === undefined)) {
    return { environment: { ...environment, GIT_SSH_COMMAND: sshCommand(options) }, settings: more, close: () => {} };
  }
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(run, 'git-'));
  const write = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode, flag: 'wx' });
    return path;
  };
  if (SSHKey !== undefined) options.push(`IdentityFile=${sshQuoted(write('key', lined(SSHKey)))}`, 'IdentitiesOnly=yes', 'IdentityAgent=none');
  if (KnownHosts !== undefined) options.push(`UserKnownHostsFile=${sshQuoted(write('known-hosts', lined(KnownHosts)))}`, 'GlobalKnownHostsFile=none');
  if (CA !== undefined) more.push(`http.sslCAInfo=${write('ca.pem', lined(CA))}`);
  if (Username !== undefined || Password !== undefined) {
    const [username, password] = [write('username', Username ?? ''), write('password', Password ?? '')];
    environment['GIT_ASKPASS'] = write('askpass', askpass(url, username, password), 0o700);
    // Helpers of the daemon's user would store what we hand over.
    more.push('credential.helper=');
  }
  return {
    environment: { ...environment, GIT_SSH_COMMAND: sshCommand(options) },
    settings: more,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Answers for this URL only, whatever else git may ask for. Git's versions differ in whether they show it encoded. */
function askpass(url: string, username: string, password: string): string {
  const scheme = /^[a-z]+:\/\//.exec(url)?.[0] ?? '';
  const place = url.slice(scheme.length).replace(/\/+$/, '');
  return [
    '#!/bin/sh',
    `plain=${shellQuoted(decoded(place))}`,
    `encoded=${shellQuoted(place)}`,
    'case "$1" in',
    `"Username for '${scheme}$plain': " | "Username for '${scheme}$encoded': ") cat ${shellQuoted(username)} ;;`,
    `"Password for '${scheme}"*"@$plain': " | "Password for '${scheme}"*"@$encoded': ") cat ${shellQuoted(password)} ;;`,
    '*) exit 1 ;;',
    'esac',
    '',
  ].join('\n');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sshCommand(options: readonly string[]): string {
  return `ssh ${options.map((option) => `-o ${shellQuoted(option)}`).join(' ')}`;
}

/** For a value of ssh's settings, in which blanks and percent signs mean something. */
function sshQuoted(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

function lined(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

/**
 * Writes the global settings that our git commands run with: repositories of other users of this machine may be read
 * (the child that serves a local path does not see `-c` options), and the daemon's user's own settings, such as credential helpers, hold too.
 */
export function writeHome(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = join(homedir(), '.gitconfig');
  writeFileSync(join(folder, '.gitconfig'), `[include]\n\tpath = ${own}\n[safe]\n\tdirectory = *\n`, { mode: 0o600 });
}

/** The flags that say where a repository is, and how one logs in there. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RepositoryCredentials } from '#model/object/repository';
import { CommandError, exitCodes } from '../../command-error.ts';
import { lineOf, textOf } from '../../files.ts';

export interface LoginFlags {
  username?: string;
  passwordFile?: string;
  tokenFile?: string;
  sshKeyFile?: string;
  knownHostsFile?: string;
  caFile?: string;
}

export function addLoginOptions(command: Command): Command {
  return command
    .option('--username <name>', 'name to log in with at an https:// repository')
    .option('--password-file <file>', 'file with the password that goes with --username')
    .option('--token-file <file>', 'file with an access token')
    .option('--ssh-key-file <file>', 'private key for an ssh repository')
    .option('--known-hosts-file <file>', 'keys by which the ssh server is known, as in ~/.ssh/known_hosts')
    .option('--ca-file <file>', 'certificates by which the https:// server is known');
}

/** The daemon runs elsewhere in the file system: a local path is made absolute where it was typed. */
export function placeOf(url: string): string {
  return existsSync(url) ? resolve(url) : url;
}

/** What the flags say, for the daemon. Credentials come in files, so that no list of processes and no history of commands shows them. */
export function loginOf(flags: LoginFlags): { Credentials?: RepositoryCredentials } {
  if (flags.passwordFile !== undefined && flags.tokenFile !== undefined)
    throw new CommandError('--password-file and --token-file are one or the other', exitCodes.usage);
  const { username, passwordFile, tokenFile, sshKeyFile, knownHostsFile, caFile } = flags;
  const given: RepositoryCredentials = {
    ...(username !== undefined && { Username: username }),
    ...(passwordFile !== undefined && { Password: lineOf('--password-file', passwordFile) }),
    ...(tokenFile !== undefined && { Password: lineOf('--token-file', tokenFile) }),
    ...(sshKeyFile !== undefined && { SSHKey: textOf('--ssh-key-file', sshKeyFile) }),
    ...(knownHostsFile !== undefined && { KnownHosts: textOf('--known-hosts-file', knownHostsFile) }),
    ...(caFile !== undefined && { CA: textOf('--ca-file', caFile) }),
  };
  return Object.keys(given).length > 0 ? { Credentials: given } : {};
}

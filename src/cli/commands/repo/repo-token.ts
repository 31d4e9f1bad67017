/** `repo token create|ls|rm`: with what people and machines come to a repository through the daemon's HTTP door. */
import { createHash, randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { humanDuration } from '#base/text/human';
import { tokenRoles, type RepositoryToken } from '#model/object/repository';
import { CommandError, exitCodes } from '../../command-error.ts';
import type { Column } from '../../output/list.ts';
import { openSession } from '../../session.ts';
import { addParts, repositoryPath } from './repo-parts.ts';

type ShownToken = Omit<RepositoryToken, 'Digest'>;

const tokenBytes = 32;
/** By which scanners of leaked secrets know it. */
const prefix = 'shoal_';

const columns: readonly Column<ShownToken>[] = [
  { heading: 'ID', key: 'ID', text: ({ ID }) => ID },
  { heading: 'ROLE', key: 'Role', text: ({ Role }) => Role },
  { heading: 'CREATED', key: 'CreatedAt', text: ({ CreatedAt }) => `${humanDuration(Date.now() - Date.parse(CreatedAt))} ago` },
  { heading: 'NOTE', key: 'Note', text: ({ Note }) => Note },
];

const roleHelp = `
Roles: push (and what follows), plan (and read), read: fetch and clone. The token is the password at https://HOST:PORT/git/NAME, with any name.
It is made here and shown this once: the cluster keeps its digest alone.`;

export function addRepoTokens(repo: Command): void {
  const token = repo.command('token').description('manage tokens with which a repository is pushed to and read');
  token
    .command('create')
    .description('make a token and show it, once')
    .argument('<name>', 'repository')
    .requiredOption('--role <role>', tokenRoles.join(', '))
    .option('--note <text>', 'what it is for')
    .addHelpText('after', roleHelp)
    .action(createToken);
  addParts<ShownToken>(token, {
    path: 'tokens',
    of: ({ Tokens }) => Tokens,
    columns,
    listing: 'list the tokens of a repository; the tokens themselves are nowhere',
    removing: 'take tokens back',
  });
}

async function createToken(name: string, { role, note = '' }: { role: string; note?: string }, command: Command): Promise<void> {
  if (!tokenRoles.some((each) => each === role)) throw new CommandError(`--role is one of ${tokenRoles.join(', ')}, not "${role}"`, exitCodes.usage);
  const { client, terminal } = openSession(command);
  const token = `${prefix}${randomBytes(tokenBytes).toString('base64url')}`;
  await client.post(`${repositoryPath(name)}/tokens`, { Role: role, Note: note, Digest: createHash('sha256').update(token).digest('hex') });
  terminal.out(token);
}

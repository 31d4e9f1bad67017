/** `repo oidc add|ls|rm`: whose tokens (OpenID Connect) a repository takes, so that a job of a forge keeps no secret. */
import type { Command } from 'commander';
import { tokenRoles, type TrustedIssuer } from '#model/object/repository';
import { CommandError, exitCodes } from '../../command-error.ts';
import type { Column } from '../../output/list.ts';
import { openSession } from '../../session.ts';
import { addParts, repositoryPath } from './repo-parts.ts';

interface AddFlags {
  issuer: string;
  subject: string;
  audience: string;
  role: string;
}

const columns: readonly Column<TrustedIssuer>[] = [
  { heading: 'ID', key: 'ID', text: ({ ID }) => ID },
  { heading: 'ROLE', key: 'Role', text: ({ Role }) => Role },
  { heading: 'ISSUER', key: 'Issuer', text: ({ Issuer }) => Issuer },
  { heading: 'SUBJECT', key: 'Subject', text: ({ Subject }) => Subject },
  { heading: 'AUDIENCE', key: 'Audience', text: ({ Audience }) => Audience },
];

const addHelp = `
The job shows its token as the password, as it would show one of \`repo token\`. It is believed by the keys that the issuer publishes, while it is valid, for that audience and
for subjects that match: * and ? stand for parts, such as repo:team/stacks:ref:refs/heads/main or project_path:team/stacks:ref_type:branch:ref:*.`;

export function addRepoOidc(repo: Command): void {
  const oidc = repo.command('oidc').description("manage whose tokens are taken in the place of a repository's own: those of a forge's jobs");
  oidc
    .command('add')
    .description('take the tokens that an issuer makes for some subjects')
    .argument('<name>', 'repository')
    .requiredOption('--issuer <url>', 'as its tokens name it')
    .requiredOption('--subject <pattern>', 'of its tokens')
    .requiredOption('--role <role>', tokenRoles.join(', '))
    .option('--audience <text>', 'whom its tokens must be made for', 'shoal')
    .addHelpText('after', addHelp)
    .action(addIssuer);
  addParts<TrustedIssuer>(oidc, {
    path: 'issuers',
    of: ({ Issuers }) => Issuers,
    columns,
    listing: 'list whose tokens are taken',
    removing: 'take tokens of somebody no longer',
  });
}

async function addIssuer(name: string, { issuer, subject, audience, role }: AddFlags, command: Command): Promise<void> {
  if (!tokenRoles.some((each) => each === role)) throw new CommandError(`--role is one of ${tokenRoles.join(', ')}, not "${role}"`, exitCodes.usage);
  const { client, terminal } = openSession(command);
  const { ID } = await client.post<{ ID: string }>(`${repositoryPath(name)}/issuers`, { Issuer: issuer, Subject: subject, Audience: audience, Role: role });
  terminal.out(ID);
}

/** `repo add|ls|inspect|sync|rm`: Git repositories whose stacks the cluster follows. */
import type { Command } from 'commander';
import { humanDuration } from '#base/text/human';
import { trustOf as trustedHow, type Repository } from '#model/object/repository';
import { lineOf } from '../../files.ts';
import { listLines, type Column } from '../../output/list.ts';
import { compareNatural } from '../../output/natural.ts';
import { collect, openSession } from '../../session.ts';
import { removeEach } from '../change.ts';
import { addRepoControl } from './repo-control.ts';
import { addDeployOptions, addHeadOptions, headOf, type HeadFlags } from './repo-head.ts';
import { addLoginOptions, loginOf, placeOf, type LoginFlags } from './repo-login.ts';
import { addRepoNotify } from './repo-notify.ts';
import { addRepoOidc } from './repo-oidc.ts';
import { addRepoPlan } from './repo-plan.ts';
import { addRepoTokens } from './repo-token.ts';
import { addRepoUpdate, addTrustOptions, freezeHelp, intervalOf, trustOf, webhookSecretHelp, type TrustFlags } from './repo-update.ts';
import { addVaultOptions, vaultOf, type VaultFlags } from './repo-vault.ts';
import { inspectObjects } from '../inspect.ts';
import { repositoryPath } from './repo-parts.ts';

const createHelp = `
Give whoever pushes a token, and the address of a daemon that runs with --http-addr:
  shoal repo token create NAME --role push
  git remote add shoal https://HOST:PORT/git/NAME
  git push shoal main
What does not render is refused with file and line. What does is deployed, and the push shows how it goes until it is over.`;

interface ListFlags {
  format?: string;
  quiet?: boolean;
}

const columns: readonly Column<Repository>[] = [
  { heading: 'NAME', key: 'Name', text: (repository) => repository.Spec.Name },
  { heading: 'URL', key: 'URL', text: (repository) => repository.Spec.URL },
  { heading: 'BRANCH', key: 'Branch', text: (repository) => repository.Spec.Branch },
  { heading: 'PATH', key: 'Path', text: (repository) => repository.Spec.Path },
  { heading: 'COMMIT', key: 'Commit', text: (repository) => repository.Status.Commit?.slice(0, 12) ?? '' },
  { heading: 'STATE', key: 'State', text: (repository) => repository.Status.State },
  { heading: 'TRUST', key: 'Trust', text: (repository) => trustedHow(repository.Spec) },
  { heading: 'SINCE', key: 'Since', text: (repository) => `${humanDuration(Date.now() - Date.parse(repository.Status.Since))} ago` },
  { heading: 'MESSAGE', key: 'Message', text: (repository) => repository.Status.Message },
];

export function addRepo(program: Command): void {
  const repo = program.command('repo').description('manage Git repositories of stacks');
  const add = repo
    .command('add')
    .description('follow a repository: each folder PATH/NAME with a compose.yml is the stack NAME')
    .argument('<name>')
    .argument('<url>', 'a local path, file://, https:// or ssh://')
    .option('--branch <branch>', 'branch to follow', 'main')
    .option('--path <folder>', "folder inside the repository whose sub-folders are the stacks; '.' for the top", 'stacks')
    .option('--interval <duration>', 'how often to look', '30s')
    .option('--webhook-secret-file <file>', webhookSecretHelp);
  addVaultOptions(addTrustOptions(addHeadOptions(addLoginOptions(add)).option('--freeze <window>', freezeHelp, collect))).action(addRepository);
  const create = repo
    .command('create')
    .description('make a repository in the cluster itself: what is pushed to it is deployed')
    .argument('<name>')
    .option('--branch <branch>', 'branch that is taken and deployed', 'main')
    .option('--path <folder>', "folder inside the repository whose sub-folders are the stacks; '.' for the top", 'stacks')
    .addHelpText('after', createHelp);
  addVaultOptions(addTrustOptions(addDeployOptions(create).option('--freeze <window>', freezeHelp, collect))).action(createOwn);
  addRepoTokens(repo);
  addRepoOidc(repo);
  addRepoPlan(repo);
  addRepoNotify(repo);
  addRepoUpdate(repo);
  repo
    .command('ls')
    .alias('list')
    .description('list repositories')
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only names')
    .action(listRepositories);
  repo
    .command('inspect')
    .description('show repositories in full, with what was refused and why')
    .argument('<name...>')
    .option('-f, --format <template>', 'a template')
    .action((names: readonly string[], flags: ListFlags, command: Command) =>
      inspectObjects(openSession(command), names, flags.format, 'repository', (name) => [repositoryPath(name)]),
    );
  addRepoControl(repo);
  repo
    .command('rm')
    .alias('remove')
    .description('follow repositories no longer; their stacks stay')
    .argument('<name...>')
    .option('--prune', 'remove their stacks too')
    .action((names: readonly string[], flags: { prune?: boolean }, command: Command) =>
      removeEach(openSession(command), names, (name) => repositoryPath(name), flags.prune ? { prune: '1' } : {}),
    );
}

interface AddFlags extends TrustFlags, HeadFlags, VaultFlags, LoginFlags {
  freeze?: string[];
  webhookSecretFile?: string;
  onFailure?: string;
  branch: string;
  path: string;
  interval: string;
}

async function createOwn(name: string, flags: AddFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const { branch: Branch, path: Path, freeze: Freeze, onFailure: OnFailure } = flags;
  const more = { ...headOf(flags), ...trustOf(flags), ...vaultOf(flags), ...(Freeze && { Freeze }), ...(OnFailure !== undefined && { OnFailure }) };
  await client.post('/shoal/v1/repositories', { Name: name, Hosted: true, Branch, Path, Interval: intervalOf('30s'), ...more });
  terminal.out(name);
}

async function addRepository(name: string, url: string, flags: AddFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const more = {
    ...headOf(flags),
    Interval: intervalOf(flags.interval),
    ...trustOf(flags),
    ...(flags.freeze && { Freeze: flags.freeze }),
    ...(flags.onFailure !== undefined && { OnFailure: flags.onFailure }),
    ...webhookOf(flags),
    ...vaultOf(flags),
    ...loginOf(flags),
  };
  await client.post('/shoal/v1/repositories', { Name: name, URL: placeOf(url), Branch: flags.branch, Path: flags.path, ...more });
  terminal.out(name);
}

function webhookOf({ webhookSecretFile: file }: AddFlags): { WebhookSecret?: string } {
  const secret = file === undefined ? '' : lineOf('--webhook-secret-file', file);
  return secret === '' ? {} : { WebhookSecret: secret };
}

async function listRepositories(flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const repositories = await client.get<Repository[]>('/shoal/v1/repositories');
  repositories.sort((a, b) => compareNatural(a.Spec.Name, b.Spec.Name));
  for (const line of await listLines(repositories, columns, flags, (repository) => repository.Spec.Name)) terminal.out(line);
}

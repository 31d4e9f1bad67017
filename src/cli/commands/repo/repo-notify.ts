/** `repo notify add|ls|rm`: who is told what became of a repository's commits. */
import type { Command } from 'commander';
import { notifyKinds, type NotifyTarget } from '#model/git/notify';
import { CommandError, exitCodes } from '../../command-error.ts';
import { lineOf } from '../../files.ts';
import type { Column } from '../../output/list.ts';
import { openSession } from '../../session.ts';
import { addParts, repositoryPath } from './repo-parts.ts';

type ShownTarget = Omit<NotifyTarget, 'Secret'>;

interface AddFlags {
  kind: string;
  urlFile?: string;
  project?: string;
  secretFile?: string;
  mergeRequests?: boolean;
}

const columns: readonly Column<ShownTarget>[] = [
  { heading: 'ID', key: 'ID', text: ({ ID }) => ID },
  { heading: 'KIND', key: 'Kind', text: ({ Kind }) => Kind },
  { heading: 'URL', key: 'URL', text: ({ URL }) => URL },
  { heading: 'PROJECT', key: 'Project', text: ({ Project = '' }) => Project },
];

const kindHelp = `
github, gitlab, gitea: the status of each commit, as shoal/NAME. The address is the API's root (https://HOST/api/v4 and the like), the secret a token that may write statuses.
--merge-requests says in public what a merge request would do: whoever may open one sees there what the variables of --set make of its files. Sealed files stay closed.
slack: a message to an incoming webhook. webhook: JSON, signed as X-Shoal-Signature: sha256=HMAC with the secret, if there is one.
Messages wait in the cluster until they are taken, for a day at most; what is said changes nothing. Each is said at least once: after a crash on the way perhaps twice, a webhook's then with the same id.`;

export function addRepoNotify(repo: Command): void {
  const notify = repo.command('notify').description('manage who is told what becomes of the commits of a repository');
  notify
    .command('add')
    .description('tell a forge, a chat or a webhook')
    .argument('<name>', 'repository')
    .argument('[url]', 'where to; from a file with --url-file where it is a secret itself')
    .requiredOption('--kind <kind>', notifyKinds.join(', '))
    .option('--url-file <file>', 'file with the address')
    .option('--project <path>', 'owner/name at the forge')
    .option('--secret-file <file>', "file with the forge's token, or with what a webhook's body is signed with")
    .option('--merge-requests', 'keep a comment on each merge request into the branch that says what it would do (of a forge)')
    .addHelpText('after', kindHelp)
    .action(addTarget);
  addParts<ShownTarget>(notify, { path: 'notify', of: ({ Notify }) => Notify, columns, listing: 'list who is told', removing: 'tell somebody no longer' });
}

async function addTarget(
  name: string,
  url: string | undefined,
  { kind, urlFile, project, secretFile, mergeRequests }: AddFlags,
  command: Command,
): Promise<void> {
  if (!notifyKinds.some((each) => each === kind)) throw new CommandError(`--kind is one of ${notifyKinds.join(', ')}, not "${kind}"`, exitCodes.usage);
  if ((url === undefined) === (urlFile === undefined)) throw new CommandError('give the address, or --url-file', exitCodes.usage);
  const { client, terminal } = openSession(command);
  const target = {
    Kind: kind,
    URL: urlFile === undefined ? url : lineOf('--url-file', urlFile),
    ...(project !== undefined && { Project: project }),
    ...(mergeRequests && { MergeRequests: true }),
    ...(secretFile !== undefined && { Secret: lineOf('--secret-file', secretFile) }),
  };
  terminal.out((await client.post<{ ID: string }>(`${repositoryPath(name)}/notify`, target)).ID);
}

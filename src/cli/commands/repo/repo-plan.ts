/** `repo plan|explain`: what a commit would do, and why a repository is as it is. */
import type { Command } from 'commander';
import type { RepositoryPlan } from '#model/difference/stack-plan';
import { CommandError, exitCodes } from '../../command-error.ts';
import { openSession } from '../../session.ts';
import { explain } from '../explain.ts';
import { repositoryPath } from './repo-parts.ts';

interface PlanFlags {
  ref?: string;
  format: string;
  json?: boolean;
  exitCode?: boolean;
}

const formats = ['text', 'json', 'markdown'];
const planHelp = `
Nothing is written, and what is followed stays. --ref takes what \`repo add --ref\` takes, and whole names such as refs/pull/12/head.
The rollout is played forward: in which order tasks stop and start, how long that takes if all goes well, and which would wait, and why.
Sealed files are opened for the commit that is followed alone: of another one, a stack that uses them and differs from what is followed is refused.
Exit codes: 0 planned, 1 a stack would be refused or held; with --exit-code 0 nothing changes, 6 something does.
With a token of role plan the same is had from a daemon with --http-addr: GET /plan/NAME?ref=REF answers JSON, and Markdown with &format=markdown.`;

export function addRepoPlan(repo: Command): void {
  repo
    .command('plan')
    .description('show what a commit would do to the stacks of a repository')
    .argument('<name>')
    .option('--ref <ref>', 'a branch, a tag or a commit; absent: what is followed, as it is now')
    .option('--format <format>', 'text, json or markdown (for a merge request)', 'text')
    .option('--json', 'short for --format json')
    .option('--exit-code', 'end with 6 when something would change')
    .addHelpText('after', planHelp)
    .action(planRepository);
  repo
    .command('explain')
    .description('say what a repository wants, what runs, and why it waits, in sentences')
    .argument('<name>')
    .action(async (name: string, _flags: object, command: Command) => explain(command, `${repositoryPath(name)}/explain`));
}

async function planRepository(name: string, flags: PlanFlags, command: Command): Promise<void> {
  const format = flags.json ? 'json' : flags.format;
  if (!formats.includes(format)) throw new CommandError(`--format is one of ${formats.join(', ')}, not ${JSON.stringify(format)}`, exitCodes.usage);
  const { client, terminal } = openSession(command);
  const plan = await client.get<RepositoryPlan>(`${repositoryPath(name)}/plan`, { ref: flags.ref });
  const { repositoryPlanLines, repositoryPlanMarkdown } = await import('#model/difference/plan-text');
  const lines = { json: () => [JSON.stringify(plan)], text: repositoryPlanLines, markdown: repositoryPlanMarkdown }[format as 'text'](plan);
  for (const line of lines) terminal.out(line);
  const steps = new Set(plan.stacks.map(({ step }) => step));
  if (steps.has('refuse') || steps.has('hold')) process.exitCode = exitCodes.refused;
  else if (flags.exitCode && [...steps].some((step) => step !== 'none')) process.exitCode = exitCodes.changes;
}

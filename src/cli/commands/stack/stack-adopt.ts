/** `stack adopt`: a stack that no repository made is given to the one that has a folder of its name. */
import type { Command } from 'commander';
import { confirmAtTerminal, needsTerminal } from '../../confirm.ts';
import { openSession } from '../../session.ts';
import { stackPath } from './stack-control.ts';

interface AdoptFlags {
  repo?: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** What giving it away would do: the daemon's plan. */
interface AdoptionPlan {
  Repository: string;
  Commit: string;
  Lines: readonly string[];
}

export function addStackAdopt(stack: Command): void {
  stack
    .command('adopt')
    .description('give a stack to the repository whose folder of that name is held; shows first what would change and go')
    .argument('<stack>')
    .option('--repo <name>', 'where several repositories wait for it')
    .option('--dry-run', 'only show it')
    .option('-y, --yes', 'do not ask; needed where no terminal is')
    .option('--json', 'the plan as data')
    .action(adopt);
}

async function adopt(name: string, flags: AdoptFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const body = flags.repo === undefined ? {} : { Repository: flags.repo };
  const plan = await client.post<AdoptionPlan>(`${stackPath(name)}/adopt`, body, { query: { dry: '1' } });
  if (flags.json) terminal.out(JSON.stringify({ stack: name, repository: plan.Repository, commit: plan.Commit, changes: plan.Lines }));
  else {
    terminal.out(`Stack ${name} would go to repository ${plan.Repository}, as commit ${plan.Commit.slice(0, 12)} has it:`);
    for (const line of plan.Lines.length > 0 ? plan.Lines : ['nothing changes']) terminal.out(`  ${line}`);
  }
  if (flags.dryRun) return;
  if (!flags.yes) {
    const question = `Give stack ${name} to repository ${plan.Repository}?`;
    needsTerminal(terminal, question, '--yes, or --dry-run');
    await confirmAtTerminal(terminal, question);
  }
  await client.post(`${stackPath(name)}/adopt`, body);
  if (!flags.json) terminal.out(`Stack ${name} belongs to repository ${plan.Repository} now`);
}

/** `stack plan`: what a deploy of the files would change; only questions are sent. */
import type { Command } from 'commander';
import type { StackSpec } from '#model/stack';
import { CommandError } from '../command-error.ts';
import { checkStackName, chosenMode, type LoadFlags } from '../deploy/flags.ts';
import { openSession, type Session } from '../session.ts';
import { addLoadOptions } from './stack-deploy.ts';

interface PlanFlags extends LoadFlags {
  prune?: boolean;
  json?: boolean;
}

export function addStackPlan(stack: Command): void {
  const plan = stack
    .command('plan')
    .description('show what a deploy would change, field by field, and what it restarts')
    .argument('[stack]', "name; when left out, the file's `name:` or the name of its folder");
  addLoadOptions(plan)
    .option('--prune', 'as for deploy')
    .option('--no-prune', 'as for deploy')
    .option('--json', 'the plan as data')
    .addHelpText('after', '\nThe content of secrets cannot be read, so only a new name shows that it changes. Exit code 1: the deploy would be refused.')
    .action(runPlan);
}

async function runPlan(name: string | undefined, flags: PlanFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const mode = await chosenMode(session.client, flags);
  const [{ planStack }, { planLines }, { liveState, strictStack }, { loadSpec }] = await Promise.all([
    import('../plan/compare.ts'),
    import('../plan/render.ts'),
    import('../plan/states.ts'),
    import('../deploy/spec-files.ts'),
  ]);
  if (mode === 'strict') checkStackName(name ?? '');
  const stack = mode === 'strict' ? strictStack(session, name ?? '', flags) : await forTarget(session, loadSpec(session, name, flags));
  const live = await liveState(session.client, stack.Name);
  const wanted = { services: stack.Services, networks: stack.Networks, secrets: stack.Secrets, configs: stack.Configs };
  const pruneServices = flags.prune ?? mode === 'spec';
  const changes = planStack(live, wanted, { pruneServices, pruneOthers: mode === 'spec' && pruneServices });
  if (flags.json) session.terminal.out(JSON.stringify({ stack: stack.Name, changes }));
  else for (const line of planLines(changes, stack.Name)) session.terminal.out(line);
  const refused = changes.find((change) => change.refused !== undefined);
  if (refused) throw new CommandError(`${refused.kind} ${refused.name}: ${refused.refused ?? ''}`);
}

/** Towards Docker without the words that only we have, as a deploy would send it. */
async function forTarget({ client, terminal }: Session, stack: StackSpec): Promise<StackSpec> {
  if ((await client.ping()).shoal !== undefined) return stack;
  const { withoutOurWords } = await import('../deploy/plan-of-stack.ts');
  const { Services, lost } = withoutOurWords(stack);
  for (const text of lost) terminal.error(`warning: ${text}`);
  return { ...stack, Services };
}

/** `stack plan`: what a deploy of the files would change; only questions are sent. */
import type { Command } from 'commander';
import type { StackSpec } from '#model/object/stack';
import type { StackPlan } from '#model/difference/stack-plan';
import { CommandError, exitCodes } from '../../command-error.ts';
import { checkStackName, chosenMode, type LoadFlags } from '../../deploy/flags.ts';
import { openSession, type Session } from '../../session.ts';
import { addLoadOptions } from './stack-deploy.ts';

interface PlanFlags extends LoadFlags {
  prune?: boolean;
  format?: string;
  exitCode?: boolean;
}

const formats = ['text', 'json', 'markdown'];
const exitCodeHelp = `
The content of secrets cannot be read, so only a new name shows that it changes.
A daemon of ours also plays the rollout forward: in which order tasks stop and start, how long that takes if all goes well, and which would wait, and why.
Exit codes: 0 planned, 1 the deploy would be refused; with --exit-code 0 nothing changes, 6 something does.`;

export function addStackPlan(stack: Command): void {
  const plan = stack
    .command('plan')
    .description('show what a deploy would change, field by field, and what it restarts')
    .argument('[stack]', "name; when left out, the file's `name:` or the name of its folder");
  addLoadOptions(plan)
    .option('--prune', 'as for deploy')
    .option('--no-prune', 'as for deploy')
    .option('--format <format>', 'text, json or markdown (for a merge request)', 'text')
    .option('--json', 'short for --format json')
    .option('--exit-code', 'end with 6 when something would change')
    .addHelpText('after', exitCodeHelp)
    .action(runPlan);
}

async function runPlan(name: string | undefined, flags: PlanFlags, command: Command): Promise<void> {
  const format = flags.json ? 'json' : (flags.format ?? 'text');
  if (!formats.includes(format)) throw new CommandError(`--format is one of ${formats.join(', ')}, not ${JSON.stringify(format)}`, exitCodes.usage);
  const session = openSession(command);
  const mode = await chosenMode(session.client, flags);
  const [{ strictStack }, { loadSpec }, { planLines, planMarkdown }] = await Promise.all([
    import('../../plan/states.ts'),
    import('../../deploy/spec-files.ts'),
    import('#model/difference/plan-text'),
  ]);
  if (mode === 'strict') checkStackName(name ?? '');
  const stack = mode === 'strict' ? strictStack(session, name ?? '', flags) : loadSpec(session, name, flags);
  const ours = (await session.client.ping()).shoal !== undefined;
  const plan = ours ? await planOfOurs(session, stack, flags.prune ?? mode === 'spec') : await planOfDocker(session, stack, flags.prune === true);
  const lines = { json: () => [JSON.stringify(plan)], text: planLines, markdown: planMarkdown }[format as 'text'](plan.changes, stack.Name);
  for (const line of lines) session.terminal.out(line);
  if (plan.rollout && format !== 'json') {
    const { foresightLines, foresightMarkdown } = await import('#model/difference/foresight');
    for (const line of format === 'markdown' ? foresightMarkdown(plan.rollout) : foresightLines(plan.rollout)) session.terminal.out(line);
  }
  const changes = plan.changes.some(({ change }) => change !== 'none');
  if (changes && format !== 'json' && plan.fingerprint !== undefined) session.terminal.out(fingerprintLine(plan.fingerprint, format));
  if (plan.revertedBy !== undefined)
    session.terminal.error(`warning: stack ${stack.Name} belongs to repository ${plan.revertedBy}: a deploy needs --force, and is reverted`);
  const refused = plan.changes.find((change) => change.refused !== undefined);
  if (refused) throw new CommandError(`${refused.kind} ${refused.name}: ${refused.refused ?? ''}`);
  if (flags.exitCode && changes) process.exitCode = exitCodes.changes;
}

/** What makes sure that what was read is what is done. */
function fingerprintLine(fingerprint: string, format: string): string {
  return format === 'markdown'
    ? `\nFingerprint: \`${fingerprint}\``
    : `Fingerprint ${fingerprint}: \`stack deploy --expect ${fingerprint}\` carries out this plan or nothing.`;
}

/** A daemon of ours plans itself: it knows what secrets hold and whose an object is. */
function planOfOurs({ client }: Session, Spec: StackSpec, Prune: boolean): Promise<StackPlan> {
  return client.post<StackPlan>(`/shoal/v1/stacks/${encodeURIComponent(Spec.Name)}/plan`, { Spec, Prune });
}

/** Towards Docker as a deploy would send it: without hints of ours, refused where Docker cannot do it. */
async function planOfDocker({ client, terminal }: Session, asked: StackSpec, pruneServices: boolean): Promise<StackPlan> {
  const [{ planStack }, { liveState }, { servicesForDocker }, { versionedStack }] = await Promise.all([
    import('../../plan/compare.ts'),
    import('../../plan/states.ts'),
    import('../../deploy/docker/plan-of-stack.ts'),
    import('../../deploy/docker/versions.ts'),
  ]);
  const stack = await versionedStack(client, asked);
  const { services, lost } = servicesForDocker(stack);
  for (const text of lost) terminal.error(`warning: ${text}`);
  const live = await liveState(client, stack.Name);
  const wanted = { services, networks: stack.Networks, secrets: stack.Secrets, configs: stack.Configs };
  return { stack: stack.Name, changes: planStack(live, wanted, { pruneServices }) };
}

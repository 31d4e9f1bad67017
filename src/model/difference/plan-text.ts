/** A plan as text: one line an object, one a field; values of variables are not shown. */
import { foresightLines, foresightMarkdown } from './foresight.ts';
import { fieldText } from './field-changes.ts';
import type { ObjectChange, RepositoryPlan, PlannedStack } from './stack-plan.ts';

const marks = { create: '+', update: '~', remove: '-', none: '=' } as const;

/** What changes, without a word about the rest. */
export function changedLines(changes: readonly ObjectChange[]): string[] {
  return changes.filter(({ change }) => change !== 'none').flatMap(changeLines);
}

export function planLines(changes: readonly ObjectChange[], name: string): string[] {
  return [...changedLines(changes), `${summary(changes, name)} Nothing was written.`];
}

/** For a comment on a merge request: the summary, and what changes to unfold. */
export function planMarkdown(changes: readonly ObjectChange[], name: string): string[] {
  const lines = changedLines(changes);
  const head = `**${summary(changes, name)}**`;
  if (lines.length === 0) return [head];
  const fence = '`'.repeat(Math.max(3, ...lines.map((line) => 1 + Math.max(0, ...(line.match(/`+/g) ?? []).map(({ length }) => length)))));
  return [head, '', '<details><summary>Changes</summary>', '', `${fence}diff`, ...lines.map(diffLine), fence, '', '</details>'];
}

/** The marks that a viewer of differences colours; a change is `!`. */
function diffLine(line: string): string {
  return line.replace(/^~/, '!').replaceAll(/[\r\n]/g, ' ');
}

function summary(changes: readonly ObjectChange[], name: string): string {
  const count = (change: ObjectChange['change']): number => changes.filter((item) => item.change === change).length;
  const restarting = changes.filter((item) => item.restarts !== undefined).length;
  const parts = [
    `${count('create')} to create`,
    `${count('update')} to change${restarting > 0 ? ` (${restarting} with a restart of tasks)` : ''}`,
    `${count('remove')} to remove`,
    `${count('none')} unchanged`,
  ];
  return `Stack ${name}: ${parts.join(', ')}.`;
}

function changeLines({ kind, name, change, fields, restarts, refused }: ObjectChange): string[] {
  const restart = restarts === 'all' ? ', its tasks are replaced' : restarts === 'unsuited' ? ', tasks on nodes that no longer suit are replaced' : '';
  const kept = change === 'update' && kind === 'service' && restarts === undefined ? ', its tasks run on' : '';
  const refusal = refused === undefined ? '' : `: the deploy would be refused, ${refused}`;
  return [`${marks[change]} ${kind} ${name}${restart}${kept}${refusal}`, ...fields.map((field) => `    ${fieldText(field)}`)];
}

/** A whole commit: its stacks one after the other, those that stay as they are in one line. */
export function repositoryPlanLines({ repository, commit, stacks, waits, declared = [], rollout }: RepositoryPlan): string[] {
  const changing = stacks.filter(isChange);
  const rest = stacks.length - changing.length;
  const head = `Repository ${repository} at commit ${commit.slice(0, 12)}: ${changing.length} of ${stacks.length} stacks change. Nothing was written.`;
  return [
    ...changing.flatMap((stack) => [stackHead(stack), ...stackLines(stack).map((line) => `  ${line}`)]),
    ...declared,
    ...(rest > 0 ? [`${rest} unchanged`] : []),
    ...(rollout ? foresightLines(rollout) : []),
    ...(waits === undefined ? [] : [waits]),
    head,
  ];
}

export function repositoryPlanMarkdown({ repository, commit, stacks, waits, declared = [], rollout }: RepositoryPlan): string[] {
  const changing = stacks.filter(isChange);
  const head = `**Repository ${repository} at commit ${commit.slice(0, 12)}: ${changing.length} of ${stacks.length} stacks change.**`;
  const others = declared.length === 0 ? [] : ['', ...declared.map(codeItem)];
  const why = waits === undefined ? [] : ['', oneLine(waits)];
  return [head, ...why, ...changing.flatMap((stack) => ['', ...stackMarkdown(stack)]), ...others, ...(rollout ? foresightMarkdown(rollout) : [])];
}

function isChange({ step }: PlannedStack): boolean {
  return step !== 'none';
}

function stackHead({ name, step, reason }: PlannedStack): string {
  const words = { apply: 'changes', hold: 'is held', refuse: 'is refused', remove: 'is removed', leave: 'leaves', none: 'stays as it is' } as const;
  return `Stack ${name} ${words[step]}${reason === '' ? '' : `: ${reason}`}`;
}

function stackLines({ changes = [], errors = [] }: PlannedStack): string[] {
  return [...errors, ...changedLines(changes)];
}

function stackMarkdown(stack: PlannedStack): string[] {
  if (stack.step === 'apply' && stack.changes) return planMarkdown(stack.changes, stack.name);
  return [`**${oneLine(stackHead(stack))}**`, ...stackLines(stack).map(codeItem)];
}

function codeItem(line: string): string {
  return `- \`${oneLine(line).replaceAll('`', "'")}\``;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}

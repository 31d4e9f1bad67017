/** A plan as text: one line an object, one a field; values of variables are not shown. */
import { fieldText } from '#model/difference/field-changes';
import type { ObjectChange } from '#model/difference/stack-plan';

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

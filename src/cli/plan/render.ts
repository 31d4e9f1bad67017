/** A plan as text: one line an object, one a field; values of variables are not shown. */
import { fieldText } from '#model/difference/field-changes';
import type { ObjectChange } from '#model/difference/stack-plan';

const marks = { create: '+', update: '~', remove: '-', none: '=' } as const;

export function planLines(changes: readonly ObjectChange[], name: string): string[] {
  const lines = changes.filter(({ change }) => change !== 'none').flatMap(changeLines);
  const count = (change: ObjectChange['change']): number => changes.filter((item) => item.change === change).length;
  const restarting = changes.filter((item) => item.restarts !== undefined).length;
  const parts = [
    `${count('create')} to create`,
    `${count('update')} to change${restarting > 0 ? ` (${restarting} with a restart of tasks)` : ''}`,
    `${count('remove')} to remove`,
    `${count('none')} unchanged`,
  ];
  return [...lines, `Stack ${name}: ${parts.join(', ')}. Nothing was written.`];
}

function changeLines({ kind, name, change, fields, restarts, refused }: ObjectChange): string[] {
  const restart = restarts === 'all' ? ', its tasks are replaced' : restarts === 'unsuited' ? ', tasks on nodes that no longer suit are replaced' : '';
  const kept = change === 'update' && kind === 'service' && restarts === undefined ? ', its tasks run on' : '';
  const refusal = refused === undefined ? '' : `: the deploy would be refused, ${refused}`;
  return [`${marks[change]} ${kind} ${name}${restart}${kept}${refusal}`, ...fields.map((field) => `    ${fieldText(field)}`)];
}

/** What stands before each line of a log stream. */
import { compareTexts } from '#base/text/text';
import { nodeIdLabel, serviceIdLabel, taskIdLabel } from '#model/object/meta';
import type { Task } from '#model/object/task';
import type { TaskLogLine } from '../dependencies.ts';

/** A line as the client wants it: time and details before it if asked for, a line end always. */
export function lineText(line: TaskLogLine, task: Task, options: { timestamps: boolean; details: boolean }): string {
  const time = options.timestamps ? `${fixedNanoseconds(line.timestamp)} ` : '';
  const details = options.details ? `${detailsOf(task, line.details)} ` : '';
  return `${time}${details}${line.text}${line.text.endsWith('\n') ? '' : '\n'}`;
}

/** Whose line it is: the docker CLI makes its prefix `SERVICE.SLOT.ID@NODE` of it, and refuses lines without. Beside it what the log driver keeps, all sorted by key. */
function detailsOf(task: Task, kept: string | undefined): string {
  const pairs: [string, string][] = [
    [nodeIdLabel, task.NodeID],
    [serviceIdLabel, task.ServiceID],
    [taskIdLabel, task.ID],
  ];
  const own = pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return kept === undefined ? own.join(',') : [...own, ...kept.split(',')].sort(compareTexts).join(',');
}

/** RFC 3339 in UTC with nine decimals, as Docker pads it so that columns line up. */
export function fixedNanoseconds(timestamp: string): string {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(timestamp);
  if (match) return `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}Z`;
  const ms = Date.parse(timestamp);
  return Number.isNaN(ms) ? timestamp : new Date(ms).toISOString().replace('Z', '000000Z');
}

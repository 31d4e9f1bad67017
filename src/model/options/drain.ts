/** The label `shoal.drain` of a service: how long a task that is to end waits for those who are connected to it, after nobody is led there any more. */
import { milliseconds, parseDuration } from '#base/text/duration';
import type { Task } from '../object/task.ts';
import { optionPrefix } from './service-options.ts';

/** Milliseconds; 0: it is told to stop at once. */
export function drainOf({ Shoal }: Pick<Task, 'Shoal'>): number {
  const said = Shoal.ServiceLabels[`${optionPrefix}drain`];
  return said === undefined || said === 'false' ? 0 : milliseconds(parseDuration(said) ?? 0, 0);
}

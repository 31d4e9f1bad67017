/** How tasks are taken to behave while a rollout is played forward: as well as they can. What they will really take nobody knows. */
import { nanosecondsPerMillisecond } from '#base/text/duration';
import type { Task } from '#model/object/task';
import { compareStates, isTerminal, type TaskState } from '#model/object/task-state';

const prepareMs = 1000;
const startMs = 1000;
const stopMs = 1000;
/** Docker's own, where a health check says nothing. */
const usualIntervalMs = 30_000;
const usualStartIntervalMs = 5_000;

export const assumedText =
  'tasks take 2 s to start, besides the time to their first health check, and 1 s to stop; waves and stacks that wait for others are not played';

export interface NextState {
  state: TaskState;
  afterMs: number;
}

/** What a node would report of it next; undefined: nothing. */
export function nextState({ DesiredState, Status: { State }, Spec }: Task): NextState | undefined {
  if (isTerminal(State) || compareStates(State, 'assigned') < 0) return undefined;
  if (compareStates(DesiredState, 'complete') > 0) return { state: 'shutdown', afterMs: stopMs };
  if (compareStates(State, 'ready') < 0) return { state: 'ready', afterMs: prepareMs };
  if (compareStates(State, 'running') < 0 && DesiredState !== 'ready') return { state: 'running', afterMs: startMs + healthMs(Spec) };
  return undefined;
}

/** Until the first look that may find it healthy. */
function healthMs({ ContainerSpec }: Task['Spec']): number {
  const { Test = [], Interval = 0, StartPeriod = 0, StartInterval = 0 } = ContainerSpec?.Healthcheck ?? {};
  if (Test.length === 0 || Test[0] === 'NONE') return 0;
  const usual = Interval / nanosecondsPerMillisecond || usualIntervalMs;
  return StartPeriod > 0 ? Math.min(StartInterval / nanosecondsPerMillisecond || usualStartIntervalMs, usual) : usual;
}

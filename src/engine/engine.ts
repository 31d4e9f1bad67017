/** What an engine does for the agent. Docker's is one; the simulated one passes the same contract suite. */
import type { NodeDescription } from '#model/object/node';
import type { ObservedContainer, Step, StepOutcome } from '#task/step';

export interface Engine {
  /** Never throws for what the engine refuses: that is an outcome. */
  carryOut(step: Step, signal: AbortSignal): Promise<StepOutcome>;
  /**
   * Containers of this node's tasks, by label; others are never listed, let alone touched. With `taskId` that task's alone.
   * Throws when the engine does not answer.
   */
  observe(taskId?: string): Promise<readonly ObservedContainer[]>;
  /** Networks of ours: cluster network ids. */
  observeNetworks(): Promise<readonly string[]>;
  /** Calls `changed` when something may have happened to a container of ours, `started` where it is that and no more, and after each reconnect. */
  watch(changed: (taskId: string | undefined, started?: boolean) => void, signal: AbortSignal): void;
  describe(): Promise<NodeDescription>;
  /** Log lines of one task's container, oldest first; ends with the container unless `follow`, then with `signal`. Throws a Refusal when there is none to read. */
  logs(containerId: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
}

export interface LogOptions {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Last lines only; absent: all. */
  tail?: number;
  /** Milliseconds since 1970. */
  sinceMs?: number;
  /** With what the log driver keeps beside each line. */
  details?: boolean;
}

export interface LogLine {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  timestamp: string;
  /** With its line end, when it has one. */
  text: string;
  /** `key=value,…`, escaped as in a URL, as the engine tells them; absent where there are none. */
  details?: string;
}

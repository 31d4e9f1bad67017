/** `service logs`: the lines of all tasks, each with where it comes from. */
import { printableCell } from '#base/text/printable';
import type { Command } from 'commander';
import { LogFrames } from '#model/log-frame';
import { taskIdLabel } from '#model/object/meta';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { taskNameOf } from '#model/object/task';
import type { Client } from '../../client.ts';
import { CommandError, exitCodes } from '../../command-error.ts';
import { unixSeconds } from '../../moment.ts';
import { openSession } from '../../session.ts';

interface LogFlags {
  follow?: boolean;
  tail: string;
  since?: string;
  timestamps?: boolean;
  raw?: boolean;
  resolve: boolean;
  trunc: boolean;
  taskIds: boolean;
  details?: boolean;
}

export function addServiceLogs(service: Command): void {
  service
    .command('logs')
    .description('show the log of a service or a task')
    .argument('<service|task>')
    .option('-f, --follow', 'go on with new lines')
    .option('-n, --tail <lines>', 'last lines of each task only', 'all')
    .option('--since <time>', 'from a time or for a duration, such as 42m')
    .option('-t, --timestamps', 'show times')
    .option('--raw', 'lines alone, without where they come from')
    .option('--no-resolve', 'ids instead of names')
    .option('--no-trunc', 'whole ids')
    .option('--no-task-ids', 'names without the ids of tasks')
    .option('--details', 'with what the log driver keeps beside each line')
    .action(showLogs);
}

async function showLogs(name: string, flags: LogFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const path = encodeURIComponent(name);
  const service = await client.find<Service>(`/services/${path}`);
  const task = service ? undefined : await client.find<Task>(`/tasks/${path}`);
  if (!service && !task) throw new CommandError(`no such task or service: ${name}`);
  const container = (service?.Spec.TaskTemplate ?? task?.Spec)?.ContainerSpec;
  if (container?.TTY && !flags.raw) throw new CommandError('tty service logs only supported with --raw', exitCodes.refused);
  const stream = await client.stream(service ? `/services/${service.ID}/logs` : `/tasks/${task?.ID ?? ''}/logs`, {
    query: {
      stdout: '1',
      stderr: '1',
      ...(!container?.TTY && { details: '1' }),
      tail: flags.tail,
      ...(flags.follow && { follow: '1' }),
      ...(flags.timestamps && { timestamps: '1' }),
      ...(flags.since !== undefined && { since: unixSeconds('--since', flags.since) }),
    },
  });
  // What a terminal shows comes without frames.
  if (container?.TTY) {
    for await (const chunk of stream) terminal.raw(chunk as Buffer, 'stdout');
    return;
  }
  const labels = new TaskLabels(client, flags);
  const frames = new LogFrames();
  for await (const chunk of stream) {
    for (const frame of frames.push(chunk as Buffer)) {
      if (frame.stream === 'systemError') throw new CommandError(`Error grabbing logs: ${frame.text.trim()}`);
      if (frame.stream === 'place') continue;
      const { details, time, line } = splitDetails(frame.text, flags.timestamps === true);
      const prefix = flags.raw ? '' : `${printableCell(await labels.of(details))}    | `;
      terminal.raw(`${time}${prefix}${flags.details ? driverDetails(details) : ''}${line}`, frame.stream);
    }
  }
}

function splitDetails(text: string, timestamps: boolean): { details: URLSearchParams; time: string; line: string } {
  const start = timestamps ? text.indexOf(' ') + 1 : 0;
  const end = text.indexOf(' ', start);
  const details = new URLSearchParams(text.slice(start, end).replaceAll(',', '&'));
  return { details, time: text.slice(0, start), line: text.slice(end + 1) };
}

/** `key=value,…` and a blank: all but what says where a line comes from. */
function driverDetails(details: URLSearchParams): string {
  const own = [...details].filter(([key]) => !key.startsWith('com.docker.swarm.'));
  return own.length === 0 ? '' : `${printableCell(own.map(([key, value]) => `${key}=${value}`).join(','))} `;
}

/** SERVICE.SLOT.TASK@NODE, looked up once per task. */
class TaskLabels {
  readonly #client: Client;
  readonly #flags: LogFlags;
  readonly #known = new Map<string, Promise<string>>();

  constructor(client: Client, flags: LogFlags) {
    this.#client = client;
    this.#flags = flags;
  }

  of(details: URLSearchParams): Promise<string> {
    const id = details.get(taskIdLabel) ?? '';
    const known = this.#known.get(id) ?? this.#lookUp(id);
    this.#known.set(id, known);
    return known;
  }

  async #lookUp(id: string): Promise<string> {
    const task = await this.#client.find<Task>(`/tasks/${id}`);
    const shown = this.#flags.trunc ? id.slice(0, 12) : id;
    if (!task) return shown;
    const [service, node] = this.#flags.resolve
      ? await Promise.all([
          this.#client.find<Service>(`/services/${task.ServiceID}`),
          task.NodeID ? this.#client.find<Node>(`/nodes/${task.NodeID}`) : undefined,
        ])
      : [];
    const name = taskNameOf(service?.Spec.Name ?? task.ServiceID, task, this.#flags.taskIds ? shown : undefined);
    return `${name}@${node?.Description?.Hostname ?? task.NodeID ?? ''}`;
  }
}

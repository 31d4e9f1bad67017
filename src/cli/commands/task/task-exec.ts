/** `exec`: a command in a task's container, on whichever node that is; and what `task` shows of a task. */
import type { Duplex } from 'node:stream';
import type { Command } from 'commander';
import { LogFrames } from '#model/log-frame';
import type { Task } from '#model/object/task';
import { filters, type Client } from '../../client.ts';
import { CommandError, exitCodes } from '../../command-error.ts';
import type { Terminal } from '../../output/terminal.ts';
import { collect, openSession } from '../../session.ts';
import { inspectObjects } from '../inspect.ts';
import { addTaskStats } from './task-stats.ts';

interface ExecFlags {
  interactive?: boolean;
  tty?: boolean;
  detach?: boolean;
  env?: readonly string[];
  user?: string;
  workdir?: string;
  privileged?: boolean;
}

/** How often the end of a command is asked for that has said all, and how often at most. */
const endLooks = { everyMs: 50, most: 200 };

export function addExec(program: Command): void {
  program
    .command('exec')
    .description("run a command in a task's container, on whichever node it runs")
    .argument('<task>', 'SERVICE.SLOT of a task that runs, or the id of a task')
    .argument('<command...>')
    .option('-i, --interactive', 'hand standard input on')
    .option('-t, --tty', 'give the command a terminal')
    .option('-d, --detach', 'do not wait for it')
    .option('-e, --env <NAME=value>', 'environment variable, repeatable', collect)
    .option('-u, --user <name>', 'user, with :GROUP if wanted')
    .option('-w, --workdir <folder>', 'folder to begin in')
    .option('--privileged', 'with all rights of the host')
    .passThroughOptions()
    .action(execute);
}

export function addTask(program: Command): void {
  const task = program.command('task').description('tasks, on whichever node they run');
  addTaskStats(task, findTask);
  task
    .command('inspect')
    .description('show tasks whole')
    .argument('<task...>', 'SERVICE.SLOT of a task that runs, or the id of a task')
    .option('-f, --format <template>', 'Go template, or json')
    .action(async (names: readonly string[], { format }: { format?: string }, command: Command) => {
      const session = openSession(command);
      const ids = new Map(await Promise.all(names.map(async (name) => [name, (await findTask(session.client, name))?.ID ?? name] as const)));
      await inspectObjects(session, names, format, 'task', (name) => [`/tasks/${encodeURIComponent(ids.get(name) ?? name)}`]);
    });
}

async function execute(name: string, words: readonly string[], flags: ExecFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const { interactive = false, tty = false, detach = false } = flags;
  if (interactive && tty && !detach && !process.stdin.isTTY) throw new CommandError('the input device is not a TTY');
  const task = await findTask(client, name);
  if (!task) throw new CommandError(`no such task: ${name}`);
  const container = task.Status.ContainerStatus?.ContainerID;
  if (!container) throw new CommandError(`task ${task.ID} has no container: it is ${task.Status.State}`);
  const { Id } = await client.post<{ Id: string }>(`/containers/${container}/exec`, {
    AttachStdin: interactive && !detach,
    AttachStdout: !detach,
    AttachStderr: !detach,
    Tty: tty,
    Cmd: words,
    ...(flags.env && { Env: flags.env }),
    ...(flags.user !== undefined && { User: flags.user }),
    ...(flags.workdir !== undefined && { WorkingDir: flags.workdir }),
    ...(flags.privileged && { Privileged: true }),
  });
  const path = `/exec/${Id}`;
  if (detach) return await client.post(`${path}/start`, { Detach: true, Tty: tty });
  const connection = await client.upgrade(`${path}/start`, { Detach: false, Tty: tty });
  const restore = tty ? useTerminal(client, path, interactive) : () => undefined;
  try {
    if (interactive) process.stdin.pipe(connection);
    await copyOutput(connection, tty, terminal);
  } finally {
    restore();
    connection.destroy();
    if (interactive) process.stdin.unpipe(connection).destroy();
  }
  process.exitCode = await exitCodeOf(client, path);
}

/** By id or its beginning, or as SERVICE.SLOT among those that are to run. */
async function findTask(client: Client, name: string): Promise<Task | undefined> {
  const byId = await client.find<Task>(`/tasks/${encodeURIComponent(name)}`);
  if (byId) return byId;
  const named = await client.get<Task[]>('/tasks', filters({ name: [`${name}.`], 'desired-state': ['running'] }));
  // One that comes may be there beside the one that it replaces.
  const running = named.filter(({ Status }) => Status.State === 'running');
  const [found, other] = running.length > 0 ? running : named;
  if (found && other) throw new CommandError(`${name} is more than one task: ${found.ID}, ${other.ID}`, exitCodes.usage);
  return found;
}

async function copyOutput(connection: Duplex, tty: boolean, terminal: Terminal): Promise<void> {
  const frames = new LogFrames();
  for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
    if (tty) terminal.raw(chunk as Buffer, 'stdout');
    else for (const { stream, bytes } of frames.pieces(chunk as Buffer)) terminal.raw(bytes, stream === 'stderr' ? 'stderr' : 'stdout');
  }
}

/** The terminal's keys and size are the command's until the returned function is called. */
function useTerminal(client: Client, path: string, interactive: boolean): () => void {
  const { stdin, stdout } = process;
  const resize = (): void => {
    if (!stdout.isTTY) return;
    // A size that does not arrive costs nothing but looks.
    void client.post(`${path}/resize`, undefined, { query: { h: String(stdout.rows), w: String(stdout.columns) } }).catch(() => undefined);
  };
  const raw = interactive && stdin.isTTY;
  if (raw) stdin.setRawMode(true);
  stdout.on('resize', resize);
  resize();
  return () => {
    stdout.off('resize', resize);
    if (raw) stdin.setRawMode(false);
  };
}

/** The engine notes the end a moment after the last word. */
async function exitCodeOf(client: Client, path: string): Promise<number> {
  for (let look = 0; look < endLooks.most; look++) {
    const { Running, ExitCode } = await client.get<{ Running: boolean; ExitCode: number | null }>(`${path}/json`);
    if (!Running && ExitCode !== null) return ExitCode;
    await new Promise((resolve) => setTimeout(resolve, endLooks.everyMs));
  }
  throw new CommandError('the connection to the command broke: it runs on');
}

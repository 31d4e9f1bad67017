/** `GET /services/{id}/logs` and `GET /tasks/{id}/logs`: lines of many tasks in one stream, in the order they come. */
import type { ServerResponse } from 'node:http';
import { Refusal } from '#base/refusal';
import { findObject } from '#control/find';
import { frame } from '#model/log-frame';
import type { Service } from '#model/object/service';
import { compareStates } from '#model/object/task-state';
import type { Task } from '#model/object/task';
import { readView, type Context } from '../context.ts';
import type { TaskLogOptions, View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { aborted } from './events.ts';
import { lineText } from './log-lines.ts';
import { flag, get, parameter, type Answer, type Call, type Route } from '../router.ts';

/** More tasks than this are not read at a time in one request. */
const openLimit = 1_000;

interface LogRequest extends TaskLogOptions {
  timestamps: boolean;
  details: boolean;
}

export function logRoutes(context: Context): Route[] {
  return [
    get('/services/{}/logs', async (call) => {
      const request = logRequest(call);
      const service = findObject(await readView(context), 'service', parameter(call));
      return streamLogs(call, context, request, isTty(service), (view) => [...view.tasksOfService(service.ID)], service.ID);
    }),
    get('/tasks/{}/logs', async (call) => {
      const request = logRequest(call);
      const { ID, Spec, ServiceID } = findObject(await readView(context), 'task', parameter(call));
      const tasks = (view: View) => [view.get('task', ID)].filter((task) => task !== undefined);
      return streamLogs(call, context, request, Spec.ContainerSpec?.TTY === true, tasks, ServiceID);
    }),
  ];
}

function isTty(service: Service): boolean {
  return service.Spec.TaskTemplate.ContainerSpec?.TTY === true;
}

function logRequest(call: Call): LogRequest {
  const [stdout, stderr] = [flag(call, 'stdout'), flag(call, 'stderr')];
  if (!stdout && !stderr) throw new HttpError(500, 'Bad parameters: you must choose at least one stream');
  const tail = call.query.get('tail') ?? '';
  if (/^-\d+$/.test(tail)) throw new HttpError(500, 'negative tail values not supported');
  if (tail !== '' && tail !== 'all' && !/^\d+$/.test(tail)) throw new HttpError(500, 'tail value must be a positive integer or "all"');
  const since = call.query.get('since') ?? '';
  if (since !== '' && !/^\d+(\.\d+)?$/.test(since)) throw new HttpError(400, `invalid value for "since": ${since}`);
  return {
    stdout,
    stderr,
    follow: flag(call, 'follow'),
    timestamps: flag(call, 'timestamps'),
    details: flag(call, 'details'),
    ...(/^\d+$/.test(tail) && { tail: Number(tail) }),
    ...(since !== '' && since !== '0' && { sinceMs: Number(since) * 1000 }),
  };
}

async function streamLogs(
  call: Call,
  context: Context,
  request: LogRequest,
  tty: boolean,
  tasksIn: (view: View) => readonly Task[],
  serviceId: string,
): Promise<Answer> {
  const { response, signal } = call;
  const type = tty || call.target.version < 42 ? 'raw' : 'multiplexed';
  response.writeHead(200, { 'Content-Type': `application/vnd.docker.${type}-stream` });
  // Also an idle service answers at once: the client waits for the headers.
  response.flushHeaders();
  const output = new LogOutput(response, request, tty, signal);
  const seen = new Set<string>();
  const open = new Set<Promise<void>>();
  function openNew(view: View): void {
    for (const task of tasksIn(view)) {
      if (seen.has(task.ID) || open.size >= openLimit || !hasStarted(task)) continue;
      seen.add(task.ID);
      const copying = output.copy(task, context).finally(() => open.delete(copying));
      open.add(copying);
    }
  }
  openNew(await context.cluster.read());
  if (request.follow) await followTasks(context, serviceId, openNew, signal);
  await Promise.all(open);
  output.end();
  return 'sent';
}

/** Opens tasks as they come to run, until the client goes. */
async function followTasks(context: Context, serviceId: string, openNew: (view: View) => void, signal: AbortSignal): Promise<void> {
  const stop = context.cluster.watch((events) => {
    if (!events.some((event) => event.kind === 'task' && event.object?.ServiceID === serviceId)) return;
    context.guard.start('a look for new tasks', async () => openNew(await context.cluster.read()), {
      follows: 'their lines are missing from a log stream until the next change',
    });
  });
  await aborted(signal);
  stop();
}

/** Only a task that has run has a container to read from. */
function hasStarted(task: Task): boolean {
  return compareStates(task.Status.State, 'running') >= 0 && task.NodeID !== '';
}

/** The response, shared by the tasks' streams; one that cannot be read is told of at the end. */
class LogOutput {
  readonly #problems = new Set<string>();
  #draining: Promise<void> | undefined;

  constructor(
    readonly response: ServerResponse,
    readonly request: LogRequest,
    readonly tty: boolean,
    readonly signal: AbortSignal,
  ) {}

  async copy(task: Task, context: Context): Promise<void> {
    let release: (() => void) | undefined;
    try {
      release = context.outgoing.take();
      for await (const line of context.logs.open(task, this.request, this.signal)) {
        if (this.signal.aborted) return;
        const text = lineText(line, task, this.request);
        if (!this.response.write(this.tty ? text : frame(line.stream, text))) await this.#drained();
      }
    } catch (error) {
      // A container that is gone has no lines any more: as with Docker, the others are all there is to show.
      if (error instanceof Refusal && error.code === 'notFound') context.logger.debug({ task: task.ID }, `no lines of a task: ${error.message}`);
      // A node that cannot be asked is told of once, however many tasks it has.
      else if (error instanceof Refusal && error.facts['node'] !== undefined) this.#problems.add(error.message);
      else this.#problems.add(`task ${task.ID}: ${(error as Error).message}`);
    } finally {
      release?.();
    }
  }

  /** Type 3 makes the docker CLI fail with the text, after all lines that could be had. */
  end(): void {
    if (this.#problems.size > 0 && !this.tty && !this.signal.aborted) {
      const text = `warning: incomplete log stream. some logs could not be retrieved for the following reasons: ${[...this.#problems].join(', ')}`;
      this.response.write(frame('systemError', `Error grabbing logs: rpc error: code = Unknown desc = ${text}\n`));
    }
    this.response.end();
  }

  /** One wait for all tasks: a slow reader holds every stream. Ends too when the client goes. */
  #drained(): Promise<void> {
    this.#draining ??= new Promise<void>((resolve) => {
      const go = () => {
        this.#draining = undefined;
        this.response.off('drain', go).off('close', go);
        resolve();
      };
      this.response.on('drain', go).on('close', go);
    });
    return this.#draining;
  }
}

/** `GET /services/{id}/logs` and `GET /tasks/{id}/logs`: lines of many tasks in one stream, in the order they come. */
import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { pause } from '#base/clock';
import { Refusal } from '#base/refusal';
import { findObject } from '#control/find';
import { frame } from '#model/log-frame';
import type { Service } from '#model/object/service';
import { compareStates } from '#model/object/task-state';
import type { Task } from '#model/object/task';
import { readView, type Context } from '../context.ts';
import type { TaskLogOptions, View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { readBody } from '../request/body.ts';
import { aborted } from './events.ts';
import { fixedNanoseconds, lineText } from './log-lines.ts';
import { bareWanted, emptyPlace, placesHeader, placesLimitBytes, placeText, readPlaces } from './places.ts';
import { flag, get, parameter, type Answer, type Call, type Route } from '../router.ts';

/** More tasks than this are not read at a time in one request. */
const openLimit = 1_000;
/** Before a node that was cut off is asked again for the lines that came meanwhile. */
const askAgainMs = 1000;
/** Whom nodes answer no more is asked for no more lines. */
const deposed = 'this manager leads the cluster no more, and lines that came since are missing: ask again';

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

/** Beyond it a time has no text of four digits for its year; no line is that late. */
const lastMomentMs = Date.parse('9999-12-31T23:59:59Z');

function logRequest(call: Call): LogRequest {
  const [stdout, stderr] = [flag(call, 'stdout'), flag(call, 'stderr')];
  if (!stdout && !stderr) throw new HttpError(500, 'Bad parameters: you must choose at least one stream');
  const tail = call.query.get('tail') ?? '';
  if (/^-\d+$/.test(tail)) throw new HttpError(500, 'negative tail values not supported');
  if (tail !== '' && tail !== 'all' && !/^\d+$/.test(tail)) throw new HttpError(500, 'tail value must be a positive integer or "all"');
  const since = call.query.get('since') ?? '';
  if (since !== '' && !/^\d+(\.\d+)?$/.test(since))
    throw new HttpError(400, `could not parse since timestamp: strconv.ParseInt: parsing ${JSON.stringify(since)}: invalid syntax`);
  return {
    stdout,
    stderr,
    follow: flag(call, 'follow'),
    timestamps: flag(call, 'timestamps'),
    details: flag(call, 'details'),
    ...(/^\d+$/.test(tail) && { tail: Number(tail) }),
    ...(since !== '' && since !== '0' && { sinceMs: Math.min(Number(since) * 1000, lastMomentMs) }),
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
  const told = context.carried(call) && call.request.headers[placesHeader] !== undefined && !tty;
  const places = call.places ?? readPlaces(told ? (await readBody(call.request, placesLimitBytes)).toString() : '');
  if (!response.headersSent) {
    response.writeHead(200, { 'Content-Type': `application/vnd.docker.${type}-stream`, ...(told && { [placesHeader]: 'told' }) });
    // Also an idle service answers at once: the client waits for the headers.
    response.flushHeaders();
  }
  const bare = told && call.request.headers[placesHeader] === bareWanted;
  const output = new LogOutput(response, request, { tty, told, bare, places }, signal);
  const seen = new Set<string>();
  const open = new Set<Promise<void>>();
  /** Until another one is over. */
  const waiting: Task[] = [];
  function openWaiting(): void {
    while (open.size < openLimit && !output.signal.aborted) {
      const task = waiting.shift();
      if (!task) return;
      const copying = output.copy(task, context).finally(() => {
        open.delete(copying);
        openWaiting();
      });
      open.add(copying);
    }
  }
  function openNew(view: View): void {
    for (const task of tasksIn(view)) {
      if (seen.has(task.ID) || !hasStarted(task)) continue;
      seen.add(task.ID);
      waiting.push(task);
    }
    openWaiting();
  }
  openNew(await context.cluster.read());
  if (request.follow) await followTasks(context, serviceId, openNew, output.signal);
  while (open.size > 0) await Promise.all(open);
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

/** Only a task whose container was started has one to read from; one that is not healthy yet tells the most. */
function hasStarted({ Status, NodeID }: Task): boolean {
  const isStarting = Status.State === 'starting' && Boolean(Status.ContainerStatus?.ContainerID);
  return NodeID !== '' && (isStarting || compareStates(Status.State, 'running') >= 0);
}

/** How far a task's lines were told. */
interface Place {
  /** Time of the last one. */
  last?: string;
  /** What comes next begins with lines that were told. */
  again?: boolean;
}

/** How lines are written down. */
interface LogForm {
  tty: boolean;
  /** With the place of each behind it. */
  told: boolean;
  /** And with that of a task of which no line is told, where the last lines alone are wanted. */
  bare: boolean;
  /** Where tasks go on from. */
  places: ReadonlyMap<string, string>;
}

/** The response, shared by the tasks' streams; one that cannot be read is told of at the end. */
class LogOutput {
  readonly #problems = new Set<string>();
  readonly #over = new AbortController();
  /** The client went, or there is nobody to ask any more. */
  readonly signal: AbortSignal;
  #draining: Promise<void> | undefined;

  constructor(
    readonly response: ServerResponse,
    readonly request: LogRequest,
    readonly form: LogForm,
    readonly gone: AbortSignal,
  ) {
    this.signal = AbortSignal.any([gone, this.#over.signal]);
    // As many listen as streams are open, and those have their own limit.
    setMaxListeners(0, this.signal);
  }

  /** Who follows is followed on with when a node was cut off for a while: from the last line that came. */
  async copy(task: Task, context: Context): Promise<void> {
    const last = this.form.places.get(task.ID);
    const place: Place = last === undefined ? {} : { last, again: true };
    for (;;) {
      const how = await this.#copyOnce(task, context, place);
      if (how === 'over') return;
      if (how === 'begun') continue;
      // The leader alone reaches nodes: whoever it was ends the stream, and says so.
      if (context.leader && !context.leader.alone() && !context.leader.leads()) return this.#end(deposed);
      await pause(context.clock, askAgainMs, this.signal);
      if (this.signal.aborted || !(await this.#isThere(task, context))) return;
    }
  }

  /** Where nobody can say any more, the stream ends. */
  async #isThere(task: Task, { cluster }: Context): Promise<boolean> {
    try {
      return (await cluster.read()).get('task', task.ID) !== undefined;
    } catch {
      this.#end(deposed);
      return false;
    }
  }

  #end(problem: string): void {
    this.#problems.add(problem);
    this.#over.abort();
  }

  /** What a task has already is read apart where only its last lines are wanted: then its place is known by its own clock, whatever it says. */
  #requestAt({ last }: Place): LogRequest {
    const { tail, sinceMs: _asked, ...rest } = this.request;
    if (last === undefined) return this.form.bare && tail !== undefined ? { ...this.request, follow: false, tail: Math.max(tail, 1) } : this.request;
    const sinceMs = Math.floor(Date.parse(last));
    return { ...rest, ...(sinceMs > 0 && { sinceMs }) };
  }

  async #copyOnce(task: Task, context: Context, place: Place): Promise<'over' | 'cut off' | 'begun'> {
    let release: (() => void) | undefined;
    const request = this.#requestAt(place);
    const begins = this.request.follow && !request.follow;
    const silent = begins && this.request.tail === 0;
    try {
      release = context.outgoing.take();
      for await (const line of context.logs.open(task, request, this.signal)) {
        if (this.signal.aborted) return 'over';
        const time = fixedNanoseconds(line.timestamp);
        if (place.last !== undefined && place.again && time <= place.last) continue;
        place.last = time;
        place.again = false;
        const text = lineText(line, task, this.request);
        if (!silent) this.response.write(this.form.tty ? text : frame(line.stream, text));
        if (this.form.told) this.response.write(frame('place', placeText(task.ID, time)));
        if (this.response.writableNeedDrain) await this.#drained();
      }
      if (begins) {
        if (place.last === undefined) {
          place.last = emptyPlace(this.request.sinceMs);
          this.response.write(frame('place', placeText(task.ID, place.last)));
        }
        place.again = true;
        return 'begun';
      }
    } catch (error) {
      if (this.request.follow && !this.signal.aborted && error instanceof Refusal && error.facts['node'] !== undefined) {
        place.again = true;
        return 'cut off';
      }
      // A container that is gone has no lines any more: as with Docker, the others are all there is to show.
      if (error instanceof Refusal && error.code === 'notFound') context.logger.debug({ task: task.ID }, `no lines of a task: ${error.message}`);
      // A node that cannot be asked is told of once, however many tasks it has.
      else if (error instanceof Refusal && error.facts['node'] !== undefined) this.#problems.add(error.message);
      else this.#problems.add(`task ${task.ID}: ${(error as Error).message}`);
    } finally {
      release?.();
    }
    return 'over';
  }

  /** Type 3 makes the docker CLI fail with the text, after all lines that could be had. */
  end(): void {
    // Whoever carried it here finds the next leader and goes on there.
    if (this.form.told && this.#over.signal.aborted) return void this.response.destroy();
    if (this.#problems.size > 0 && !this.form.tty && !this.gone.aborted) {
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

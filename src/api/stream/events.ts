/** `GET /events`: the engine's stream with the cluster's events woven in, line by line. */
import { pause } from '#base/clock';
import type { Context } from '../context.ts';
import { HttpError } from '../errors.ts';
import { anyOf, hasLabel, readFilters, type Filters } from '../request/filters.ts';
import { timestampOf } from '../request/network-filters.ts';
import { copyLines, LineOutput } from './line-output.ts';
import { get, type Answer, type Call, type Route } from '../router.ts';
import type { SwarmEvent } from './swarm-events.ts';

const filterKeys = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'repository',
  'scope',
  'secret',
  'service',
  'stack',
  'type',
  'volume',
];
/** Unsent bytes after which a client that does not read is cut off. */
const backlogLimitBytes = 4 * 1024 * 1024;
const lineLimitBytes = 1024 * 1024;
/** How much later than asked the engine may end its own stream: it sends what it has kept first. */
const engineEndMs = 10_000;
/** Before an engine that ended, or did not come, is asked again. */
const askAgainMs = 500;

export function eventRoutes(context: Context): Route[] {
  return [get('/events', (call) => streamEvents(call, context))];
}

async function streamEvents(call: Call, context: Context): Promise<Answer> {
  const filters = readFilters(call, filterKeys);
  const now = context.clock.now();
  const since = timeParameter(call, 'since', now);
  const until = timeParameter(call, 'until', now);
  const { response } = call;
  response.writeHead(200, { 'Content-Type': 'application/json' });
  // An engine that hangs must not hold the cluster's events up: the client has its answer at once.
  response.flushHeaders();
  const output = new LineOutput(response, backlogLimitBytes, context.logger);
  const signal = AbortSignal.any([call.signal, output.signal]);
  const show = (event: SwarmEvent) => {
    if (passes(filters, event)) output.write(JSON.stringify(event));
  };
  for (const event of since === undefined ? [] : context.events.recent()) {
    if (event.timeNano >= (since ?? 0) * 1e6 && event.timeNano <= (until ?? Infinity) * 1e6) show(event);
  }
  const stopListening = context.events.listen(context.guard.callback('an event stream', show, { follows: 'this event is left out of this stream' }));
  const localEnd = copyEngineEvents(call.query, context, output, signal);
  const cancels: (() => void)[] = [];
  if (until !== undefined) {
    const left = Math.max(0, until - now);
    cancels.push(
      context.clock.after(left, () => void localEnd.then(() => output.end())),
      context.clock.after(left + engineEndMs, () => output.end()),
    );
  }
  await aborted(signal);
  stopListening();
  for (const cancel of cancels) cancel();
  response.end();
  return 'sent';
}

/**
 * Resolves when the engine has told all up to `until`. One that is cut off, or does not come, is no failure: the cluster's events go on. Nothing else
 * tells the client that its engine was started again, so what the next life of it tells comes as well.
 */
async function copyEngineEvents(asked: URLSearchParams, { clock, logger, engine }: Context, output: LineOutput, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams(asked);
  for (let told = false; !signal.aborted; await pause(clock, askAgainMs, signal)) {
    try {
      const stream = await engine.stream(`/events?${query.toString()}`, signal);
      const answers = stream.statusCode === 200;
      if (answers) await copyLines(stream, (line) => output.write(line), lineLimitBytes);
      stream.destroy();
      if (!answers) return;
      query.set('since', String(clock.now() / 1000));
      told = false;
    } catch (error) {
      if (!signal.aborted && !told)
        logger.info({ error: (error as Error).message }, "the events of the engine are missing from a stream: only the cluster's come until it answers");
      told = true;
    }
    if (query.has('until')) return;
  }
}

function timeParameter(call: Call, key: string, now: number): number | undefined {
  const text = call.query.get(key) ?? '';
  if (text === '') return undefined;
  const time = timestampOf(text, now);
  if (Number.isNaN(time)) throw new HttpError(400, `failed to parse value for "${key}": ${text}`);
  return time;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function passes(filters: Filters, event: SwarmEvent): boolean {
  const { ID, Attributes } = event.Actor;
  // As Docker: the beginning of an id or a name will do.
  const named = (value: string) => ID.startsWith(value) || Attributes['name']?.startsWith(value) === true;
  const objectKeys = ['config', 'network', 'node', 'repository', 'secret', 'service', 'stack'];
  // Docker reads `service=x` as "of the service x": events of other kinds do not pass it.
  const objects = objectKeys.every((key) => anyOf(filters, key, (value) => event.Type === key && named(value)));
  const localOnly = ['container', 'daemon', 'image', 'plugin', 'volume'].some((key) => filters.has(key));
  return (
    objects &&
    !localOnly &&
    anyOf(filters, 'type', (type) => type === event.Type) &&
    anyOf(filters, 'event', (action) => action === event.Action) &&
    anyOf(filters, 'scope', (scope) => scope === event.scope) &&
    (filters.get('label') ?? []).every((label) => hasLabel(Attributes, label))
  );
}

/** `GET /events`: the engine's stream with the cluster's events woven in, line by line. */
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { Context } from '../context.ts';
import { HttpError } from '../errors.ts';
import { anyOf, hasLabel, readFilters, type Filters } from '../request/filters.ts';
import { timestampOf } from '../request/network-filters.ts';
import { get, type Answer, type Call, type Route } from '../router.ts';
import type { SwarmEvent } from './swarm-events.ts';

const filterKeys = ['config', 'container', 'daemon', 'event', 'image', 'label', 'network', 'node', 'plugin', 'scope', 'secret', 'service', 'type', 'volume'];
/** Unsent bytes after which a client that does not read is cut off. */
const backlogLimitBytes = 4 * 1024 * 1024;

export function eventRoutes(context: Context): Route[] {
  return [get('/events', (call) => streamEvents(call, context))];
}

async function streamEvents(call: Call, context: Context): Promise<Answer> {
  const filters = readFilters(call, filterKeys);
  const now = context.clock.now();
  const since = timeParameter(call, 'since', now);
  const until = timeParameter(call, 'until', now);
  const { response } = call;
  const over = new AbortController();
  const signal = AbortSignal.any([call.signal, over.signal]);
  const local = await context.engine.stream(`/events?${call.query.toString()}`, signal).catch(() => undefined);
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  function write(line: string): void {
    if (response.writableLength > backlogLimitBytes) over.abort();
    else response.write(`${line}\n`);
  }
  const show = (event: SwarmEvent) => {
    if (passes(filters, event)) write(JSON.stringify(event));
  };
  for (const event of since === undefined ? [] : context.events.recent) {
    if (event.timeNano >= (since ?? 0) * 1e6 && event.timeNano <= (until ?? Infinity) * 1e6) show(event);
  }
  const stopListening = context.events.listen(show);
  const localEnd = local?.statusCode === 200 ? copyLines(local, write) : Promise.resolve();
  // The engine ends its stream at `until` too, after what it has kept: that may come later than the timer.
  const atUntil = () => void localEnd.then(() => over.abort());
  const cancelEnd = until === undefined ? () => undefined : context.clock.after(Math.max(0, until - now), atUntil);
  await aborted(signal);
  stopListening();
  cancelEnd();
  local?.destroy();
  response.end();
  return 'sent';
}

/** Resolves when the stream is over. One that is cut off is no failure: the cluster's events go on. */
function copyLines(stream: IncomingMessage, write: (line: string) => void): Promise<void> {
  stream.on('error', () => undefined);
  createInterface({ input: stream }).on('line', write);
  return new Promise((resolve) => stream.once('close', resolve));
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
  const named = (value: string) => value === ID || value === Attributes['name'];
  const objectKeys = ['config', 'network', 'node', 'secret', 'service'];
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

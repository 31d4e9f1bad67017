/** Routes of our own that are watched: the reconciler's events, health, metrics. */
import type { ServerResponse } from 'node:http';
import type { Context } from '../context.ts';
import { aborted } from '../stream/events.ts';
import { LineOutput } from '../stream/line-output.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { get, type Answer, type Call, type Route } from '../router.ts';

/** Unsent bytes after which a client that does not read is cut off. */
const backlogLimitBytes = 1024 * 1024;

export function observationRoutes(context: Context, metrics: Metrics): Route[] {
  return [
    get('/shoal/v1/events', (call) => streamReconcileEvents(call, context)),
    get('/healthz', (call) => health(call, context)),
    get('/metrics', async (call) => sendText(call, metrics.contentType, await metrics.text())),
  ];
}

/** 503 in safe mode: nothing is looked after, whoever watches must see it. */
function health(call: Pick<Call, 'response'>, context: Context): Answer {
  const { SafeMode } = context.swarm.status();
  return sendText(call, 'text/plain; charset=utf-8', SafeMode ?? 'ok', SafeMode === undefined ? 200 : 503);
}

/** What is answered to whoever only watches. False: the path is none of those. */
export async function answerWatcher(path: string, response: ServerResponse, context: Context, metrics: Metrics): Promise<boolean> {
  if (path === '/healthz') health({ response }, context);
  else if (path === '/metrics') sendText({ response }, metrics.contentType, await metrics.text());
  return path === '/healthz' || path === '/metrics';
}

async function streamReconcileEvents(call: Call, context: Context): Promise<Answer> {
  const { response } = call;
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  const output = new LineOutput(response, backlogLimitBytes, context.logger);
  const stop = context.reconcileEvents.watch((event) => output.write(JSON.stringify(event)));
  await aborted(AbortSignal.any([call.signal, output.signal]));
  stop();
  response.end();
  return 'sent';
}

function sendText({ response }: Pick<Call, 'response'>, type: string, text: string, status = 200): Answer {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
  return 'sent';
}

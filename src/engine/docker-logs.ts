/** Log lines of one container: Docker's multiplexed stream taken apart. */
import type Docker from 'dockerode';
import { Refusal } from '#base/refusal';
import { LogFrames } from '#model/log-frame';
import type { LogLine, LogOptions } from './engine.ts';
import { statusOf, textOf } from './outcome.ts';

/** Oldest first; ends with the container, or with `signal` when following. Refuses with the engine's text, as for a log driver that cannot be read. */
export async function* containerLogs(docker: Docker, containerId: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
  try {
    const info = await docker.getContainer(containerId).inspect();
    const stream = await openLogs(docker, containerId, options, signal);
    yield* logLines(stream, info.Config.Tty);
  } catch (error) {
    if (!signal.aborted) throw new Refusal(statusOf(error) === 404 ? 'notFound' : 'unknown', textOf(error));
  }
}

/** dockerode would collect the whole log in memory unless it follows; the modem streams either way. */
function openLogs(docker: Docker, containerId: string, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const request = {
    path: `/containers/${containerId}/logs?`,
    method: 'GET',
    isStream: true,
    abortSignal: signal,
    options: logQuery(options),
    statusCodes: { 200: true },
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request as never, (error, stream) => (error ? reject(error as Error) : resolve(stream as AsyncIterable<Buffer>)));
  });
}

/** What an engine is asked for: lines with their times. */
export function logQuery({ follow, stdout, stderr, tail, sinceMs }: LogOptions): Record<string, string> {
  return {
    follow: String(follow),
    stdout: String(stdout),
    stderr: String(stderr),
    timestamps: 'true',
    tail: String(tail ?? 'all'),
    ...(sinceMs !== undefined && { since: (sinceMs / 1000).toFixed(3) }),
  };
}

/** The lines of an engine's answer. */
export function logLines(stream: AsyncIterable<Buffer>, tty: boolean): AsyncGenerator<LogLine> {
  return tty ? plainLines(stream) : framedLines(stream);
}

/**
 * Each frame holds a line with its time.
 * @internal
 */
export async function* framedLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const frames = new LogFrames();
  for await (const chunk of stream) {
    for (const { stream: name, text } of frames.push(chunk)) yield lineOf(name === 'stderr' ? 'stderr' : 'stdout', text);
  }
}

/** A terminal's output has no frames: one line after the other. */
async function* plainLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield lineOf('stdout', `${line}\n`);
  }
  if (rest) yield lineOf('stdout', rest);
}

function lineOf(stream: LogLine['stream'], body: string): LogLine {
  const at = body.indexOf(' ');
  return { stream, timestamp: body.slice(0, at), text: body.slice(at + 1) };
}

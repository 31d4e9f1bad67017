/** Log lines of one container: Docker's multiplexed stream taken apart. */
import type Docker from 'dockerode';
import { Refusal } from '#base/refusal';
import { LogFrames } from '#model/log-frame';
import type { LogLine, LogOptions } from './engine.ts';
import { statusOf, textOf } from './outcome.ts';

/** Characters of a line that are kept until it ends. */
const longestPiece = 256 * 1024;

/** Oldest first; ends with the container, or with `signal` when following. Refuses with the engine's text, as for a log driver that cannot be read. */
export async function* containerLogs(docker: Docker, containerId: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
  try {
    const info = await docker.getContainer(containerId).inspect();
    const stream = await openLogs(docker, containerId, options, signal);
    yield* logLines(stream, info.Config.Tty, options.details === true);
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
export function logQuery({ follow, stdout, stderr, tail, sinceMs, details }: LogOptions): Record<string, string> {
  return {
    follow: String(follow),
    stdout: String(stdout),
    stderr: String(stderr),
    timestamps: 'true',
    tail: String(tail ?? 'all'),
    ...(details === true && { details: 'true' }),
    ...(sinceMs !== undefined && { since: (sinceMs / 1000).toFixed(3) }),
  };
}

/** The lines of an engine's answer. */
export function logLines(stream: AsyncIterable<Buffer>, tty: boolean, detailed = false): AsyncGenerator<LogLine> {
  return tty ? plainLines(stream, detailed) : framedLines(stream, detailed);
}

/**
 * Each frame holds a line with its time.
 * @internal
 */
export async function* framedLines(stream: AsyncIterable<Buffer>, detailed = false): AsyncGenerator<LogLine> {
  const frames = new LogFrames();
  for await (const chunk of stream) {
    for (const { stream: name, text } of frames.push(chunk)) yield lineOf(name === 'stderr' ? 'stderr' : 'stdout', text, detailed);
  }
}

/** A terminal's output has no frames: one line after the other. What never ends, such as a bar that is painted over and over, is given out in pieces under the time of its beginning. */
async function* plainLines(stream: AsyncIterable<Buffer>, detailed: boolean): AsyncGenerator<LogLine> {
  const decoder = new TextDecoder();
  let held: string[] = [];
  let length = 0;
  let begun: LogLine | undefined;
  const take = (end: string): LogLine => {
    const text = held.join('') + end;
    held = [];
    length = 0;
    return begun ? { ...begun, text } : lineOf('stdout', text, detailed);
  };
  for await (const chunk of stream) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n');
    for (const [at, part] of parts.entries()) {
      held.push(part);
      length += part.length;
      const ends = at < parts.length - 1;
      if (!ends && length <= longestPiece) continue;
      const line = take(ends ? '\n' : '');
      yield line;
      begun = ends ? undefined : line;
    }
  }
  if (length > 0) yield take('');
}

/** The time, then what the driver keeps where it was asked for (which may be nothing), then the line. */
function lineOf(stream: LogLine['stream'], body: string, detailed: boolean): LogLine {
  const at = body.indexOf(' ');
  const [timestamp, rest] = [body.slice(0, at), body.slice(at + 1)];
  if (!detailed) return { stream, timestamp, text: rest };
  const end = rest.indexOf(' ');
  const details = rest.slice(0, end);
  return { stream, timestamp, text: rest.slice(end + 1), ...(details !== '' && { details }) };
}

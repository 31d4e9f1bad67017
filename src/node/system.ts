/** The real clock, chance and log that the daemon hands to its parts. */
import { randomBytes, randomInt } from 'node:crypto';
import { pino } from 'pino';
import { printable } from '#base/text/printable';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';

/** A timer of Node's that is asked to wait longer does not wait at all. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicNow: () => performance.now(),
  after(delayMs, run) {
    let timer: NodeJS.Timeout | undefined;
    const wait = (leftMs: number): void => {
      const nowMs = Math.min(leftMs, longestTimerMs);
      timer = setTimeout(() => (leftMs > nowMs ? wait(leftMs - nowMs) : run()), nowMs);
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};

/** The operating system's randomness; it has no streams to keep apart. */
export const systemRandom: Random = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (count) => randomBytes(count),
  split: () => systemRandom,
};

/** JSON lines on standard error. What could hold a secret is left out by name. */
export function systemLogger(level: string): Logger {
  const redact = { paths: ['*.Data', '*.RegistryAuth', '*.Spec.Data', 'Data', 'RegistryAuth'], remove: true };
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact, formatters: { level: (label) => ({ level: label }) } },
    escaping(pino.destination({ dest: 2, sync: true })),
  );
  return wrap(logger);
}

/** JSON escapes the oldest control characters only; people read this log on terminals. */
function escaping(destination: pino.DestinationStream): pino.DestinationStream {
  return { write: (line) => destination.write(`${printable(line.trimEnd())}\n`) };
}

function wrap(logger: pino.Logger): Logger {
  return {
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
    child: (facts) => wrap(logger.child(facts)),
  };
}

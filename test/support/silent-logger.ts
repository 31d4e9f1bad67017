/** A logger that drops everything. */
import type { Logger } from '#base/logger';

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

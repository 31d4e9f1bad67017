/** Tells systemd that the daemon answers: who waits for the unit may go on. */
import { execFile } from 'node:child_process';
import type { Logger } from '#base/logger';

/** Does nothing where systemd did not start this process. */
export function tellReady(environment: Readonly<Record<string, string | undefined>>, logger: Pick<Logger, 'warn'>): void {
  if (!environment['NOTIFY_SOCKET']) return;
  execFile('systemd-notify', ['--ready'], (error) => {
    if (error) logger.warn({ error: error.message }, 'systemd cannot be told that the daemon is ready: it takes it for one that still starts');
  });
}

/** Entry of the daemon: options, signals, exit codes. */
import { realpathSync } from 'node:fs';
import { printable } from '#base/text/printable';
import { Refusal } from '#base/refusal';
import { programVersion } from '#base/version';
import { Daemon } from './daemon.ts';
import { SwarmReconciler } from './swarm-reconciler.ts';
import { parseOptions, usage, type DaemonOptions } from './options.ts';
import type { Launched } from './release/choice.ts';
import { ReleaseKeeper } from './release/release-keeper.ts';
import { tellReady } from './systemd/ready.ts';
import { systemClock, systemLogger } from './system.ts';
import { systemdUnit } from './systemd/unit.ts';

/** Runs `daemon …` until a signal, another release or a fatal error ends it. Exit codes: 0 stopped, 1 refused or failed, 2 wrong usage. */
export async function main(args: readonly string[], launched: Launched = { installed: programVersion }): Promise<void> {
  const options = readOptions(args.slice(1));
  if (!options) return;
  const logger = systemLogger(options.logLevel);
  const fatal = (error: unknown): void => {
    logger.error(
      { error: error instanceof Error ? error.message : String(error), stack: error instanceof Error ? error.stack : undefined },
      'the daemon cannot go on; start it again',
    );
    process.exit(1);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  const releases = new ReleaseKeeper({
    state: options.state,
    running: launched.release,
    installed: launched.installed,
    // As the unit that we print has it.
    supervised: process.env['NOTIFY_SOCKET'] !== undefined,
    restart: () => stop('another release'),
    clock: systemClock,
    logger: logger.child({ part: 'release' }),
  });
  const daemon = options.target === 'docker' ? new SwarmReconciler(options, logger, fatal) : new Daemon(options, logger, fatal, releases);
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    releases.stop();
    logger.info({ signal }, 'stopping; containers run on');
    daemon.stop().then(() => process.exit(0), fatal);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    await daemon.start();
    tellReady(process.env, logger);
  } catch (error) {
    if (!(error instanceof Refusal)) return fatal(error);
    process.stderr.write(`${printable(error.message)}\n`);
    process.exit(1);
  }
}

function readOptions(args: readonly string[]): DaemonOptions | undefined {
  try {
    const options = parseOptions(args, process.env);
    if (options !== 'help' && options !== 'systemd-unit') return options;
    process.stdout.write(options === 'help' ? usage : unitFor(args));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n(add --help for what is possible)\n`);
    process.exitCode = 2;
  }
  return undefined;
}

function unitFor(args: readonly string[]): string {
  const program = realpathSync(process.argv[1] ?? '');
  return systemdUnit([process.execPath, program, 'daemon', ...args.filter((arg) => arg !== '--systemd-unit')]);
}

/** The commands, in docker's grammar. */
import type { Command } from 'commander';
import { addBackup } from './commands/backup.ts';
import { addCompletion } from './commands/completion.ts';
import { addEvents } from './commands/events.ts';
import { addFiles } from './commands/secrets-and-configs.ts';
import { addSealing } from './commands/sealing.ts';
import { addNetwork } from './commands/network.ts';
import { addNode } from './commands/node.ts';
import { addRepo } from './commands/repo/repo.ts';
import { addService } from './commands/service/service.ts';
import { addStack } from './commands/stack/stack.ts';
import { addSwarm } from './commands/swarm/swarm.ts';
import { addSystem } from './commands/system.ts';
import { addExec, addTask } from './commands/task/task-exec.ts';
import { DockerCommand } from './docker-command.ts';
import { programVersion } from '#base/version';

export function buildProgram(): Command {
  const program = new DockerCommand('shoal')
    .description("Docker's Swarm mode done again, driven by Git")
    .version(programVersion, '-v, --version', 'show the version of this program')
    .option('-H, --host <url>', "daemon to talk to, ours or Docker's: unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST")
    .option('--target <url>', 'another name for --host')
    .option('--context <name>', "context of the docker CLI's store to talk to")
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('after', '\nOther commands:\n  daemon       run the daemon; see `shoal daemon --help`');
  addSwarm(program);
  addStack(program);
  addService(program);
  addNode(program);
  addSealing(addFiles(program, 'secret'));
  addFiles(program, 'config');
  addNetwork(program);
  addRepo(program);
  addTask(program);
  addExec(program);
  addBackup(program);
  addEvents(program);
  addSystem(program);
  addCompletion(program);
  return program;
}

/** `stack deploy` in Docker's own way, texts and refusals included. */
import { loadStrict } from '#compose/strict/plan';
import { CommandError } from '../../command-error.ts';
import { readStackFiles, surroundings } from '../stack-files.ts';
import { timeoutOf, waitAndExit } from '../../progress/wait.ts';
import type { Session } from '../../session.ts';
import { checkStackName, type DeployFlags } from '../flags.ts';
import { isResolveImages } from '../images.ts';
import { printNotices, checkReadable } from '../notices.ts';
import { authReader } from '../registry-auth.ts';
import { sendStack } from './sequence.ts';

const detachAdvice =
  'Since --detach=false was not specified, tasks will be created in the background.\nIn a future release, --detach=false will become the default.';

export async function deployStrict(session: Session, name: string | undefined, flags: DeployFlags): Promise<void> {
  const { terminal, environment } = session;
  timeoutOf(flags);
  if (name === undefined) throw new CommandError("'shoal stack deploy' requires 1 argument: the name of the stack");
  checkStackName(name);
  if (!flags.composeFile) throw new CommandError('Specify a Compose file (with --compose-file)');
  const { files, directory } = readStackFiles(flags.composeFile, checkReadable);
  const { plan, notices, error } = loadStrict({ mode: 'strict', stack: name, files, directory, ...surroundings(environment), rotate: false });
  printNotices(terminal, notices);
  if (!plan) throw new CommandError(error ?? '');
  const resolveImage = flags.resolveImage ?? 'always';
  if (!isResolveImages(resolveImage)) throw new CommandError(`Invalid option ${resolveImage} for flag --resolve-image`);
  if (flags.detach === undefined) terminal.error(detachAdvice);
  const startedAt = Date.now();
  const services = await sendStack(session, plan, {
    prune: flags.prune === true,
    resolveImage,
    otherDrivers: 'local',
    wait: flags.detach === false,
    ...(flags.withRegistryAuth && { registryAuth: authReader(environment) }),
  });
  if (flags.detach === false && services.length > 0) await waitAndExit(session, services, flags, startedAt);
}

/** Routes of the cluster itself: init, leave, look, change. */
import { updateCluster } from '#control/clusters';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#model/object/cluster';
import { swarmTexts } from '#model/swarm-texts';
import { decodeBody } from '../../request/body.ts';
import { readView, submit, type Context } from '../../context.ts';
import { requireManager } from '../../request/require-manager.ts';
import type { ManagersStanding, View } from '../../dependencies.ts';
import { HttpError } from '../../errors.ts';
import { flag, get, post, strictFlag, versionParameter, type Answer, type Call, type Route } from '../../router.ts';
import { clusterSpec } from '#model/shape/object-shapes';
import { unlockKeyOf } from '#model/trust/unlock-key';
import { initRequest, joinRequest, unlockRequest } from '../../request/bodies.ts';

export function swarmRoutes(context: Context): Route[] {
  return [
    get('/swarm', async () => {
      const view = await readView(context);
      const cluster = clusterIn(view);
      // Before the first leader made any, an empty one says that there is none.
      return { status: 200, json: { ...shownCluster(cluster), JoinTokens: cluster.Shoal?.Authority?.JoinTokens ?? { Worker: '', Manager: '' } } };
    }),
    post('/swarm/init', (call) => init(call, context)),
    post('/swarm/join', async (call) => {
      // Taken before anything is refused: a client may still be writing it.
      const request = await decodeBody(call.request, joinRequest);
      if (context.swarm.status().LocalNodeState !== 'inactive') throw new Refusal('unavailable', swarmTexts.alreadyPart);
      checkListenAddr(request.ListenAddr);
      // Docker's command asks for it as soon as this is answered, and the engine takes a while.
      context.engine.readAhead('/info');
      await context.swarm.join(request, call.query.get('replaces') ?? '');
      return { status: 200 };
    }),
    post('/swarm/leave', (call) => leave(call, context)),
    post('/swarm/update', (call) => update(call, context)),
    post('/swarm/unlock', (call) => unlock(call, context)),
    get('/swarm/unlockkey', async () => {
      return { status: 200, json: { UnlockKey: clusterIn(await readView(context)).Shoal?.UnlockKey ?? '' } };
    }),
  ];
}

/** The cluster without what only its manager keeps; as `GET /swarm` and `/info` show it. */
export function shownCluster({ Shoal, ...cluster }: Cluster): object {
  const { TLSInfo: present = {}, Rotation } = Shoal?.Authority ?? {};
  // While a root is exchanged, whose signature nodes are to have is that of the next.
  const TLSInfo = Rotation ? { ...Rotation.TLSInfo, TrustRoot: Shoal?.Authority?.Certificate } : present;
  return {
    ...cluster,
    Spec: { ...cluster.Spec, Labels: cluster.Spec.Labels ?? {} },
    TLSInfo,
    RootRotationInProgress: Rotation !== undefined,
  };
}

/** The one cluster object of a manager's view. */
export function clusterIn(view: View): Cluster {
  for (const cluster of view.list('cluster')) return cluster;
  throw new Refusal('unavailable', swarmTexts.starting);
}

async function init(call: Call, context: Context): Promise<Answer> {
  const request = await decodeBody(call.request, initRequest);
  const { LocalNodeState, ControlAvailable } = context.swarm.status();
  const rescues = request.ForceNewCluster === true && ControlAvailable;
  if (LocalNodeState !== 'inactive' && !rescues) throw new Refusal('unavailable', swarmTexts.alreadyPart);
  checkListenAddr(request.ListenAddr);
  return { status: 200, json: await context.swarm.init(request) };
}

/** As Docker: its CLI always gives one, and who leaves it out has forgotten it. */
function checkListenAddr(address = ''): void {
  if (address === '') throw new Refusal('invalidArgument', 'invalid ListenAddr "": invalid empty address', { plain: true });
}

async function leave(call: Call, context: Context): Promise<Answer> {
  const { LocalNodeState, ControlAvailable } = context.swarm.status();
  const force = flag(call, 'force');
  if (LocalNodeState === 'inactive') throw new Refusal('unavailable', swarmTexts.notPart);
  if (LocalNodeState === 'locked' && !force) throw new Refusal('unavailable', swarmTexts.leavingLocked);
  if (ControlAvailable && !force) throw new Refusal('unavailable', leavingText(context.leader?.standing()));
  await context.swarm.leave(force);
  return { status: 200 };
}

async function unlock(call: Call, { swarm, custody }: Context): Promise<Answer> {
  const { UnlockKey = '' } = await decodeBody(call.request, unlockRequest);
  const status = swarm.status();
  if (status.LocalNodeState !== 'locked') {
    requireManager(status);
    throw new HttpError(409, 'swarm is not locked');
  }
  if (!unlockKeyOf(UnlockKey) || !custody) throw new HttpError(400, 'invalid key string');
  await custody.unlock(UnlockKey.trim());
  return { status: 200 };
}

/** Docker's words, with what this manager's leaving would mean. */
function leavingText(standing: ManagersStanding | undefined): string {
  const members = standing?.members ?? [];
  const reachable = members.filter((member) => member.reachable).length;
  if (members.length <= 1) return swarmTexts.leavingLastManager;
  const rest = reachable - 1;
  const costly = rest <= members.length - reachable + 1;
  return costly ? swarmTexts.leavingQuorum(rest, members.length) : swarmTexts.leavingManager;
}

async function update(call: Call, context: Context): Promise<Answer> {
  const version = versionParameter(call, 'swarm');
  const tokens = (['worker', 'manager'] as const).filter((role) => strictFlag(call, role === 'worker' ? 'rotateWorkerToken' : 'rotateManagerToken'));
  const unlockKey = strictFlag(call, 'rotateManagerUnlockKey');
  const spec = await decodeBody(call.request, clusterSpec);
  const cluster = clusterIn(await readView(context));
  // Without the version that the client has read, nothing of it comes to be.
  const authority = cluster.Version.Index === version ? await context.authority?.change(cluster, { ...spec.CAConfig }) : undefined;
  await submit(context, call, updateCluster(version, spec, { tokens, unlockKey, authority }));
  return { status: 200 };
}

/** Routes of what comes to a repository from outside: git's requests for one that the cluster holds, the tokens of those who may, and who is told. */
import { Refusal } from '#base/refusal';
import { addIssuer, removeIssuer } from '#control/repository/issuers';
import { addTarget, removeTarget } from '#control/repository/notify';
import { checkToken, createToken, removeToken } from '#control/repository/tokens';
import { asksToPush, bodyBounds, gitServices, type GitRequest } from '#model/git/git-request';
import { readObject, submit, type Context } from '../../context.ts';
import { repositoryIssuerRequest, repositoryNotifyRequest, repositoryTokenRequest } from '../../request/bodies.ts';
import { bodyPieces, decodeBody } from '../../request/body.ts';
import { get, parameter, post, remove, type Answer, type Call, type Route } from '../../router.ts';

/** Of the token that somebody showed at the HTTP door; without it whoever asks is root on a manager. */
export const tokenHeader = 'shoal-token-id';

/** Its id; undefined: whoever asks came by the socket. */
export function shownToken({ request }: Call): string | undefined {
  const shown = request.headers[tokenHeader];
  // One that is there twice is none that there is.
  return Array.isArray(shown) ? shown.join() : shown;
}

/** Parts of a repository that are taken away by their id, which may be shortened. */
const removals = { tokens: removeToken, notify: removeTarget, issuers: removeIssuer } as const;

export function hostedRoutes(context: Context): Route[] {
  return [
    ...gitServices.map((service) => {
      const pattern = `/shoal/v1/repositories/{}/git${service}`;
      return (service === '/info/refs' ? get : post)(pattern, (call) => git(call, context, service));
    }),
    post('/shoal/v1/repositories/{}/tokens', async (call) => {
      const { Role, Note = '', Digest = '' } = await decodeBody(call.request, repositoryTokenRequest);
      if (!Role) throw new Refusal('invalidArgument', 'the role of the token must be given');
      return { status: 201, json: await submit(context, call, createToken(parameter(call), { role: Role, note: Note, digest: Digest })) };
    }),
    post('/shoal/v1/repositories/{}/notify', async (call) => {
      const { Kind, URL = '', ...more } = await decodeBody(call.request, repositoryNotifyRequest);
      if (!Kind) throw new Refusal('invalidArgument', 'the kind of who is told must be given');
      return { status: 201, json: await submit(context, call, addTarget(parameter(call), { Kind, URL, ...more })) };
    }),
    post('/shoal/v1/repositories/{}/issuers', async (call) => {
      const { Issuer = '', Subject = '', Audience = '', Role } = await decodeBody(call.request, repositoryIssuerRequest);
      if (!Role) throw new Refusal('invalidArgument', 'the role of the issuer\u2019s tokens must be given');
      return { status: 201, json: await submit(context, call, addIssuer(parameter(call), { Issuer, Subject, Audience, Role })) };
    }),
    ...Object.entries(removals).map(([part, removal]) =>
      remove(`/shoal/v1/repositories/{}/${part}/{}`, async (call) => {
        await submit(context, call, removal(parameter(call), parameter(call, 1)));
        return { status: 204 };
      }),
    ),
  ];
}

async function git(call: Call, context: Context, service: GitRequest['service']): Promise<Answer> {
  const repository = await readObject(context, 'repository', parameter(call));
  const { request, query } = call;
  // The door looked at its own copy of the tokens: here is the newest.
  const token = checkToken(repository, shownToken(call), asksToPush({ service, query: query.toString() }) ? 'push' : 'read');
  const user = token === undefined ? 'root' : `token-${token.ID}`;
  const { method = 'GET', headers } = request;
  await context.reconciler.git(
    repository.Spec.Name,
    { method, service, query: query.toString(), headers, body: bodyPieces(request, bodyBounds(service)), user, ...(token && { token: token.ID }) },
    call.response,
  );
  return 'sent';
}

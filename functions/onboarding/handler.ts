/**
 * The onboarding function: makes the node of a member that joins and wants it hosted here, brings its
 * keys before the members, and looks after it until its node votes or nothing is left of it. Whoever
 * has the invitation may ask; what goes on by itself is reminded by the alarm queue.
 */
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { z } from 'zod';
import { inRequest } from '../../node/request-context.ts';
import { readJsonObject } from '../../shared/api/body.ts';
import { type Join, parseInvitationToken } from '../../shared/api/join.ts';
import { methodRouter } from '../../shared/api/method-router.ts';
import { launchOf, type OwnAccount } from '../../shared/api/own-account.ts';
import { problem } from '../../shared/api/problem.ts';
import { withRequestId } from '../../shared/api/request-id.ts';
import { bearerToken } from '../../shared/api/tenant.ts';
import { IdentityNameSchema, RoleSchema } from '../../shared/ledger/genesis.ts';
import { fromEnvironment, jsonText } from '../environment.ts';
import { functionLog } from '../log.ts';
import { JoinRefused } from './ask-to-join.ts';
import { newOnboarding, type Onboarding, readOnboarding, writeOnboarding } from './record.ts';
import { openServices } from './services.ts';
import { undo } from './steps.ts';
import { type AdvanceEvent, stepByReminder, takeStep } from './take-step.ts';

const BODY_BYTES_MAX = 64 * 1024;
const BodySchema = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  /** Identities besides `admin`, with their roles. */
  identities: z.record(IdentityNameSchema, z.array(RoleSchema)).default({}),
  /** The first API keys have arrived: they are handed out no more. */
  kept: z.boolean().default(false),
});

/** What a browser says of the node that it wants launched. */
const OwnQuerySchema = z.object({
  gateway: z.url({ protocol: /^https?$/ }).optional(),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]$/, 'a region, such as eu-central-1')
    .optional(),
  name: z.string().min(1).max(100).optional(),
  identities: jsonText(BodySchema.shape.identities).default({}),
});

const log = functionLog('onboarding');
const opened = openServices();
const { directory, services, remind } = opened;
const stepping = { services, directory, remind, log };

const app = new Hono<{ Variables: { requestId: string } }>({ router: methodRouter() });
app.use(withRequestId(inRequest));
app.onError((error) => {
  if (error instanceof JoinRefused) return error.response;
  log.error({ err: error }, 'request failed');
  return problem('unavailable', 'The onboarding failed on this request; send the same again.');
});
app.get('/', async (c) => {
  const { token, join } = await holder(c.req.raw);
  const record = await readOnboarding(directory, join.invitation.member);
  return isOf(record, join) ? answer(record, token) : nothingBegun();
});
app.post('/', async (c) => {
  const { token, join } = await holder(c.req.raw);
  const body = await readJsonObject(c.req.raw, BODY_BYTES_MAX);
  if (body instanceof Response) return body;
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return problem('bad-request', `/${issue!.path.join('/')}: ${issue!.message}.`);
  }
  const { member } = join.invitation;
  const before = await readOnboarding(directory, member);
  const refused = isOf(before, join) ? undefined : await refuseSecond(before, join);
  if (refused) return refused;
  const isBegun = isOf(before, join) && before.phase !== 'undone';
  const record = isBegun ? before : await begin(join, token, parsed.data, before);
  if (parsed.data.kept && isMember(record) && !record.keysTaken) {
    await opened.firstKeys(member, true);
    const kept = await writeOnboarding(directory, { ...record, keysTaken: true });
    return answer(kept ?? record, token);
  }
  return answer(await takeStep(stepping, record, token), token);
});
app.delete('/', async (c) => {
  const { token, join } = await holder(c.req.raw);
  const record = await readOnboarding(directory, join.invitation.member);
  if (!isOf(record, join)) return nothingBegun();
  const { joined, moves, votesItself } = join.invitation;
  if (joined && !(moves && !votesItself)) {
    return problem('bad-request', 'It is a member already: members leave by a vote.');
  }
  await opened.withdraw(token);
  const undone = await undo(services, record, 'It was withdrawn.');
  return answer((await writeOnboarding(directory, undone)) ?? record, token);
});
/** For a node in the member's own account: nothing is made here. */
app.get('/own-account', async (c) => {
  const { join } = await holder(c.req.raw);
  const region = fromEnvironment('AWS_REGION');
  const query = OwnQuerySchema.safeParse(c.req.query());
  if (!query.success) {
    const [issue] = query.error.issues;
    return problem('bad-request', `Parameter "${issue!.path.join('.')}": ${issue!.message}.`);
  }
  const { gateway, ...asked } = query.data;
  const template = await opened.ownTemplate();
  const { invitation, consortium, ledger } = join;
  const launch = gateway && {
    launch: launchOf({
      ...{ gateway, consortium, ledger, invitation, templateUrl: template.url },
      ...asked,
      region: asked.region ?? region,
    }),
  };
  const own: OwnAccount = { join, template, region, ...launch };
  return c.json(own, 200, { 'cache-control': 'no-store' });
});
app.get('/code/:name', async (c) => {
  const url = await opened.ownFile(c.req.param('name'));
  return url === undefined
    ? problem('not-found', 'There is no code of this name; the template names what there is.')
    : c.redirect(url);
});
const answerRequest = handle(app);

export async function handler(event: LambdaEvent | AdvanceEvent, context: LambdaContext) {
  if (!('kind' in event)) {
    log.info({ invocation: context.awsRequestId }, 'request');
    return answerRequest(event, context);
  }
  log.info({ invocation: context.awsRequestId, member: event.member }, 'advance');
  await stepByReminder(stepping, event.member, opened.unseal);
}

/** Whoever holds an invitation, and how far it has come; throws the refusal of the inviting member's node. */
async function holder(request: Request): Promise<{ readonly token: string; readonly join: Join }> {
  const token = bearerToken(request);
  if (token instanceof Response) throw new JoinRefused(token);
  if (token === undefined || !parseInvitationToken(token)) {
    throw new JoinRefused(problem('unauthorized', 'Send "Authorization: Bearer <invitation>".'));
  }
  return { token, join: await services.join(token) };
}

async function begin(
  { invitation }: Join,
  token: string,
  { name, identities }: z.infer<typeof BodySchema>,
  before: Onboarding | undefined,
): Promise<Onboarding> {
  const { id, member, validator, roles } = invitation;
  const description = { id: member, name: name ?? member, identities, validator, roles };
  return newOnboarding(
    {
      member,
      invitation: id,
      token: await opened.seal(member, token),
      description: JSON.stringify(description),
      phase: before?.phase === 'done' ? 'replacing' : 'creating',
      keysTaken: false,
    },
    before,
  );
}

async function answer(record: Onboarding, token: string): Promise<Response> {
  const { member, phase, reason, keysTaken } = record;
  const hasKeys = isMember(record) && !keysTaken;
  const firstKeys = hasKeys ? await opened.firstKeys(member, false) : undefined;
  const join = await services.join(token);
  return Response.json(
    { onboarding: { member, phase, reason }, join, ...(firstKeys && { firstKeys }) },
    { headers: { 'cache-control': 'no-store' } },
  );
}

const isOf = (record: Onboarding | undefined, { invitation }: Join): record is Onboarding =>
  record?.invitation === invitation.id;
const isMember = ({ phase }: Onboarding): boolean => phase === 'following' || phase === 'done';

/** Why the node of this name can't be made: there is one, or another invitation is making it. */
async function refuseSecond(
  before: Onboarding | undefined,
  { invitation: { member, moves } }: Join,
): Promise<Response | undefined> {
  if (opened.founders.includes(member)) {
    return problem(
      'bad-request',
      `The stack of the consortium holds a node of ${member}: take the member out of its file and deploy, then its node can be made anew.`,
    );
  }
  if (!before || before.phase === 'undone') return undefined;
  if (before.phase !== 'done' || !moves) {
    return problem('bad-request', `Another invitation is making the node of ${member}.`);
  }
  return (await opened.isHere(member))
    ? problem('bad-request', `The node of ${member} is hosted here already.`)
    : undefined;
}

const nothingBegun = (): Response =>
  problem('not-found', 'This invitation has no hosted node: POST makes one.');

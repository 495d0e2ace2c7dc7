/** The description of a consortium that one deployment makes: a YAML or JSON file, validated. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { NAMES_MAX } from '../functions/function-name.ts';
import { LocalConsortiumSchema } from '../node/local-layout.ts';
import {
  DEFAULT_TENANT_LIMITS,
  type TenantLimits,
  TenantLimitsSchema,
} from '../shared/api/tenant-limits.ts';
import { TokenIssuersSchema, type TokenRoute } from '../shared/api/token-issuer.ts';
import {
  ConsensusParametersSchema,
  GenesisSchema,
  IdentityNameSchema,
  MemberIdSchema,
  RoleSchema,
} from '../shared/ledger/genesis.ts';

const LimitsSchema = TenantLimitsSchema.partial().default({});

const ConsortiumFileSchema = z.strictObject({
  format: z.literal('fuqi-consortium-1'),
  name: GenesisSchema.shape.consortium.refine(
    (name) => !name.includes('-member-'),
    'no “-member-”: so begin the names of what later members of another consortium have',
  ),
  /** Who may read: anyone, the members, or one member. */
  visibility: GenesisSchema.shape.visibility.default('public'),
  /** Consensus parameters of the genesis document; the product's own unless told. */
  parameters: ConsensusParametersSchema.partial().default({}),
  /** What each member may use of its node; the product's own limits unless told. */
  limits: LimitsSchema,
  members: z
    .array(
      z.strictObject({
        id: MemberIdSchema,
        name: z.string().min(1).max(100),
        /** Identities whose keys the member's node keeps, with their roles; `admin` is always there. */
        identities: z.record(IdentityNameSchema, z.array(RoleSchema)).default({}),
        /** Issuers whose tokens stand for its identities; its administrators may set others later. */
        issuers: TokenIssuersSchema.default([]),
        /** One more than before: its signing key gets a successor, which the members then vote on. */
        signingKey: z.int().min(1).max(99).default(1),
        /** Where this member's limits differ from the others'. */
        limits: LimitsSchema,
      }),
    )
    .min(1),
  /** Whom the alarms tell, by e-mail; without it they tell the topic only. */
  operator: z.strictObject({ email: z.email() }).optional(),
  /** Where given, `npm run deploy` sets up number ranges and credit limits when the nodes run. */
  invoicing: LocalConsortiumSchema.shape.invoicing,
});
/** A function's environment holds 4 KB in all. */
const ISSUERS_CHARACTERS_MAX = 2000;

type Parsed = z.infer<typeof ConsortiumFileSchema>;
export type ConsortiumFile = Omit<Parsed, 'limits' | 'members'> & {
  /** Of members that join later. */
  readonly limits: TenantLimits;
  readonly members: readonly (Parsed['members'][number] & { readonly limits: TenantLimits })[];
};

/** Reads the file; throws an Error that says what is wrong, and where. */
export function readConsortiumFile(file: string): ConsortiumFile {
  const parsed = ConsortiumFileSchema.safeParse(parse(readFileSync(file, 'utf8')));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${file}: /${issue!.path.join('/')}: ${issue!.message}`);
  }
  const { name, members } = parsed.data;
  const ids = members.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice) throw new Error(`${file}: /members: ${twice} stands there twice`);
  const long = ids.find((id) => name.length + id.length > NAMES_MAX);
  if (long) {
    throw new Error(
      `${file}: the names ${name} and ${long} have more than ${NAMES_MAX} characters together`,
    );
  }
  const routes = tokenRoutes({ members }).map(({ issuer, audience }) => `${issuer} ${audience}`);
  if (new Set(routes).size < routes.length) {
    throw new Error(`${file}: /members: two of them have one issuer with one audience`);
  }
  const longest = Math.max(...members.map(({ issuers }) => JSON.stringify(issuers).length));
  if (longest > ISSUERS_CHARACTERS_MAX) {
    throw new Error(
      `${file}: /members: the issuers of one are more than a function's environment takes (${ISSUERS_CHARACTERS_MAX} characters); set them by PUT …/issuers`,
    );
  }
  const { limits, ...rest } = parsed.data;
  return {
    ...rest,
    limits: limitsOf(limits),
    members: members.map((member) => ({ ...member, limits: limitsOf(limits, member.limits) })),
  };
}

/** To which member the gateway takes tokens. */
export const tokenRoutes = ({
  members,
}: Pick<Parsed, 'members'> | Pick<ConsortiumFile, 'members'>): TokenRoute[] =>
  members.flatMap(({ id: member, issuers }) =>
    issuers.map(({ issuer, audience }) => ({ issuer, audience, member })),
  );

const limitsOf = (...given: Parsed['limits'][]): TenantLimits =>
  Object.assign({}, DEFAULT_TENANT_LIMITS, ...given);

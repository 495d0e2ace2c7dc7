/** The description of a consortium that one deployment makes: a YAML or JSON file, validated. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { NAMES_MAX } from '../functions/function-name.ts';
import { LocalConsortiumSchema } from '../node/local-layout.ts';
import {
  ConsensusParametersSchema,
  GenesisSchema,
  IdentityNameSchema,
  MemberIdSchema,
  RoleSchema,
} from '../shared/ledger/genesis.ts';

const ConsortiumFileSchema = z.strictObject({
  format: z.literal('fuqi-consortium-1'),
  name: GenesisSchema.shape.consortium,
  /** Who may read: anyone, the members, or one member. */
  visibility: GenesisSchema.shape.visibility.default('public'),
  /** Consensus parameters of the genesis document; the product's own unless told. */
  parameters: ConsensusParametersSchema.partial().default({}),
  members: z
    .array(
      z.strictObject({
        id: MemberIdSchema,
        name: z.string().min(1).max(100),
        /** Identities whose keys the member's node keeps, with their roles; `admin` is always there. */
        identities: z.record(IdentityNameSchema, z.array(RoleSchema)).default({}),
      }),
    )
    .min(1),
  /** Whom the alarms tell, by e-mail; without it they tell the topic only. */
  operator: z.strictObject({ email: z.email() }).optional(),
  /** Where given, `npm run deploy` sets up number ranges and credit limits when the nodes run. */
  invoicing: LocalConsortiumSchema.shape.invoicing,
});
export type ConsortiumFile = z.infer<typeof ConsortiumFileSchema>;

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
  return parsed.data;
}
